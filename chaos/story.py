"""What must be the same in every run of a recording, whatever happened meanwhile. Ids have the run in them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DETECTIONS = "dev.vedette.detections.v1"


@dataclass(frozen=True)
class Story:
    """What `vedette analyze --json` wrote."""

    frames: tuple[tuple[int, float, str], ...]
    """Sequence, time stamp and detections of each message, as it came."""
    events: tuple[tuple[str, float, int, int, str], ...]
    """Kind, time stamp, whose it is (objects count in the order of their first event), revision, box."""
    repeated: int
    """Messages whose id another one had."""

    def differences(self, other: "Story") -> list[str]:
        """How `other`, a disturbed run, differs from this one; empty: it does not."""
        found = []
        if other.repeated:
            found.append(f"{other.repeated} of the recording's messages came twice")
        for name, ours, theirs in (("frames", self.frames, other.frames), ("events", self.events, other.events)):
            if ours != theirs:
                first = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
                where = f"from number {first} on" if first is not None else "at the end"
                found.append(f"the recording's {name} differ {where}: {len(theirs)} for {len(ours)}")
        return found


def read(path: Path) -> Story:
    """The story in a file of JSON lines."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    numbers: dict[str, int] = {}
    frames, events = [], []
    for line in lines:
        data = line["data"]
        if line["type"] == _DETECTIONS:
            frames.append((data["frame"]["seq"], data["frame"]["pts"], json.dumps(data["detections"])))
            continue
        whose = numbers.setdefault(data["object"]["id"], len(numbers)) if "object" in data else -1
        box = json.dumps(data.get("object", {}).get("bbox"))
        events.append((line["type"], data["frame"]["pts"], whose, data.get("revision", 0), box))
    return Story(tuple(frames), tuple(events), len(lines) - len({line["id"] for line in lines}))
