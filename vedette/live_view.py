"""What `vedette up` shows: the cameras as they are, and what is detected. The account is pure; drawing it is rich's."""

import datetime as dt
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vedette.messages import Detections, Status

_RATE_OVER_S = 5.0
_COLOURS = {"live": "green", "connecting": "yellow", "stalled": "yellow", "offline": "red"}


@dataclass(slots=True)
class CameraLine:
    """What is known of one camera."""

    name: str
    status: Status | None = None
    inferred_s: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    age_ms: float | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def inferred_fps(self, now_s: float) -> float:
        """Frames a second with a result, over the last 5 s."""
        return sum(now_s - moment_s <= _RATE_OVER_S for moment_s in self.inferred_s) / _RATE_OVER_S


class LiveView:
    """The cameras of a site; told of each message, it can be drawn at any time."""

    def __init__(self, site: str, cameras: Iterable[str]) -> None:
        self.site = site
        self.cameras = {name: CameraLine(name) for name in cameras}
        self.detections_messages = 0
        self.latest: deque[str] = deque(maxlen=8)

    def on_status(self, status: Status) -> None:
        """A camera's state."""
        self.cameras.setdefault(status.camera, CameraLine(status.camera)).status = status

    def on_detections(self, detections: Detections, now_s: float | None = None) -> None:
        """One frame's detections."""
        line = self.cameras.setdefault(detections.camera, CameraLine(detections.camera))
        line.inferred_s.append(monotonic() if now_s is None else now_s)
        line.age_ms = detections.timing.total_ms if detections.timing else None
        line.counts = Counter(detection.label for detection in detections.detections)
        self.detections_messages += 1
        if detections.detections:
            self.latest.append(one_line(detections))

    def draw(self) -> RenderableType:
        """The table of cameras, and the latest detections."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("camera", "state", "source", "sampled", "inferred", "frame age", "now in the picture"):
            table.add_column(title, justify="right" if title in ("sampled", "inferred", "frame age") else "left")
        for line in self.cameras.values():
            table.add_row(*_row(line))
        return Group(table, Text(), *(Text(line, style="dim") for line in self.latest))


def one_line(detections: Detections) -> str:
    """`12:01:33.250 gate 3 person, 1 car (34 ms)`"""
    moment = detections.frame.captured_at.astimezone(dt.UTC)
    age = detections.timing.total_ms if detections.timing else None
    counts = _counts(Counter(detection.label for detection in detections.detections)) or "nothing"
    text = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {detections.camera} {counts}"
    return text if age is None else f"{text} ({age:.0f} ms)"


def _row(line: CameraLine) -> tuple[RenderableType, ...]:
    status = line.status
    state = status.state if status else "unknown"
    why = f": {status.reason}" if status and status.reason else ""
    return (
        line.name,
        Text(state + why, style=_COLOURS.get(state, "dim")),
        f"{status.codec} {status.width}x{status.height} {status.source_fps or 0:.3g} fps"
        if status and status.codec
        else "",
        f"{status.sampled_fps:.1f} fps" if status and status.sampled_fps is not None else "",
        f"{line.inferred_fps(monotonic()):.1f} fps",
        f"{line.age_ms:.0f} ms" if line.age_ms is not None else "",
        _counts(line.counts),
    )


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {label}" for label, number in counts.most_common())
