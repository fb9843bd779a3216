"""Memory of a camera, idle and active: the slope of a gateway's memory over how many cameras it has.

1080p25 cameras over RTSP (H.264, 4 Mb/s, GOP 2 s), gate: activity; `idle`: nothing moves and only keyframes are
decoded, two GOPs of packets are kept; `active`: something always moves and all is decoded. Each number of cameras is a
gateway of its own, all of whose processes count: proportional and unique set size from /proc/PID/smaps_rollup, the
median over a few looks once every camera has been live for a while. What does not depend on the cameras is the
intercept.
"""

import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.gate.activity_stream import activity_clip
from benchmarks.processes import free_port, metric, metric_by_camera, simulating, up, wait_until
from benchmarks.results import Result

_IDLE, _ACTIVE = (4, 16, 40), (2, 6, 10)
"""As many as decode in time on two cores."""
_LOOKS = 5


def run(quick: bool) -> Result:
    idle, active, settle_s = ((1, 3), (1, 2), 8.0) if quick else (_IDLE, _ACTIVE, 40.0)
    figures: dict[str, Any] = {}
    for kind, counts, share in (("idle", idle, 0.0), ("active", active, 1.0)):
        sizes = [_sizes_mib(share, cameras, settle_s) for cameras in counts]
        for name in ("pss", "uss"):
            slope, intercept = _line(counts, [one[name] for one in sizes])
            figures[f"{kind}_{name}_mib_a_camera"] = round(slope, 2)
            figures[f"{kind}_{name}_mib_without_cameras"] = round(intercept, 1)
            figures[f"{kind}_{name}_mib"] = {
                str(count): round(one[name], 1) for count, one in zip(counts, sizes, strict=True)
            }
    return Result(
        "camera_memory",
        f"a gateway with {', '.join(map(str, idle))} idle and {', '.join(map(str, active))} active 1080p25 H.264"
        f" cameras over RTSP (4 Mb/s, GOP 2 s), gate: activity; {settle_s:g} s after all were live; least squares",
        figures,
    )


def _sizes_mib(share: float, cameras: int, settle_s: float) -> dict[str, float]:
    """Of a gateway with so many cameras."""
    address = f"127.0.0.1:{free_port()}"
    with (
        tempfile.TemporaryDirectory(prefix="vedette-bench-") as name,
        simulating([activity_clip(share)] * cameras, Path(name)) as urls,
    ):
        camera = {"pipeline": "people", "gate": {"mode": "activity"}}
        settings = {
            "listen": {"nats": "127.0.0.1:0", "gateway": address, "inference": "127.0.0.1:0"},
            "cameras": {f"cam{number}": camera | {"url": url} for number, url in enumerate(urls)},
            "pipelines": {"people": {"sampling": {"fps": 2, "min_fps": 2}, "stages": [{"model": "coco-detector"}]}},
            "inference": {"replicas": 0, "device": "cpu"},
        }
        with up(settings) as site:
            wait_until(lambda: metric(address, "vedette_camera_up") == cameras, "all cameras are live", 120)
            if not share:
                wait_until(lambda: _resting(address) == cameras, "all gates are idle", 120)
            time.sleep(settle_s)
            looks = [_look(site.parts()["gateway"]) for _ in range(_LOOKS)]
    return {name: statistics.median(one[name] for one in looks) for name in ("pss", "uss")}


def _resting(address: str) -> int:
    return sum(count > 0 for count in metric_by_camera(address, "vedette_frames_gated_total").values())


def _look(processes: Sequence[psutil.Process]) -> dict[str, float]:
    """A second later: MiB of these processes."""
    time.sleep(1)
    texts = [Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in processes]
    return {
        "pss": sum(_kib(text, "Pss") for text in texts) / 1024,
        "uss": sum(_kib(text, "Private_Clean") + _kib(text, "Private_Dirty") for text in texts) / 1024,
    }


def _kib(text: str, name: str) -> int:
    match = re.search(rf"(?m)^{name}:\s+(\d+) kB", text)
    assert match is not None, name
    return int(match[1])


def _line(counts: Sequence[int], sizes_mib: Sequence[float]) -> tuple[float, float]:
    slope, intercept = np.polyfit(counts, sizes_mib, 1)
    return float(slope), float(intercept)
