"""Is memory flat? Real RTSP cameras that offer several times what can be inferred, for a quarter of an hour.

They are not allowed to slow down, though workers are behind. Unique set size of each process every 5 s; the slope is a
least-squares line over the last ten minutes. What comes before is warming up: stored pictures come to their bound, the
server's window for doubles fills (2 minutes), allocators and decoders reach what they will hold.
"""

import time
from pathlib import Path

import numpy as np

from benchmarks.counting import Counting
from benchmarks.processes import free_port, memory_mib, up
from benchmarks.results import Result

CAMERAS, FPS = 40, 10.0
_FLAT_MIB_A_MINUTE = 0.5
VIDEO = Path(__file__).parent.parent / "media" / "pedestrians.mp4"


def run(quick: bool) -> Result:
    settle_s, seconds = (10, 30) if quick else (300, 600)
    port = free_port()
    camera = {"url": f"rtsp://127.0.0.1:{port}/pedestrians", "pipeline": "people"}
    settings = {
        "simulator": {"listen": f"127.0.0.1:{port}", "videos": [str(VIDEO)]},
        "cameras": {f"cam{n}": camera for n in range(CAMERAS)},
        "pipelines": {
            "people": {
                "sampling": {"fps": FPS, "min_fps": FPS},
                "stages": [{"model": "coco-detector", "confidence": 0.4}],
            }
        },
        "inference": {"sessions": 2, "device": "cpu"},
    }
    samples: dict[str, list[tuple[float, float]]] = {"gateway": [], "inference": [], "events": [], "nats-server": []}
    with up(settings) as site:
        counting = Counting(site)
        counting.wait_for_all(CAMERAS, 120)
        time.sleep(settle_s)
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < seconds:
            parts = site.parts()
            for kind, line in samples.items():
                line.append((time.monotonic() - begun_s, memory_mib(parts.get(kind, []))))
            time.sleep(5 if not quick else 1)
        counting.close()
    figures: dict[str, object] = {}
    for kind, line in samples.items():
        name = kind.replace("-", "_")
        figures[f"{name}_mib"] = round(line[-1][1], 1)
        figures[f"{name}_slope_mib_a_minute"] = round(_slope(line) * 60, 3)
    figures["gateway_mib_a_camera"] = round(samples["gateway"][-1][1] / CAMERAS, 2)
    return Result(
        "memory",
        f"{CAMERAS} RTSP cameras (768x576 H.264) at {FPS:g} fps, several times the capacity: {seconds} s, after"
        f" {settle_s} s to settle",
        figures,
        at_most={f"{kind.replace('-', '_')}_slope_mib_a_minute": _FLAT_MIB_A_MINUTE for kind in samples},
    )


def _slope(line: list[tuple[float, float]]) -> float:
    times, values = np.array(line).T
    return float(np.polyfit(times, values, 1)[0])
