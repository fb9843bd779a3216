"""Does a gateway make frames that nobody has time for? Cameras that ask for five times what can be inferred.

Real decoding, of files that loop: each camera is sampled at what workers have time for, within 1/20 of what it asks
for. Counted over a minute, from the gateway's and the worker's own metrics, after a minute to settle. What a camera
costs before sampling (reading, decoding) is not counted as spent in vain: a lower rate changes it only where keyframes
suffice.
"""

import time
import urllib.request
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.counting import Counting
from benchmarks.overload import PIPELINES, SESSIONS
from benchmarks.processes import free_port, up
from benchmarks.results import Result

CAMERAS, FPS = 25, 8.0
VIDEO = Path(__file__).parent.parent / "media" / "pedestrians.mp4"


def run(quick: bool) -> Result:
    settle_s, seconds = (20, 20) if quick else (60, 60)
    gateway, inference = free_port(), free_port()
    camera = {"url": str(VIDEO), "loop": True, "pipeline": "people", "sampling": {"fps": FPS}}
    settings = {
        "listen": {"nats": "127.0.0.1:0", "gateway": f"127.0.0.1:{gateway}", "inference": f"127.0.0.1:{inference}"},
        "cameras": {f"cam{n}": camera for n in range(CAMERAS)},
        "pipelines": PIPELINES,
        "inference": {"sessions": SESSIONS, "device": "cpu"},
    }
    with up(settings) as site:
        counting = Counting(site)
        counting.wait_for_all(CAMERAS, 120)
        time.sleep(settle_s)
        sampled, inferred, first = _sum(gateway, "vedette_frames_sampled"), _served(inference), counting.messages
        began_s = time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - began_s
        sampled = _sum(gateway, "vedette_frames_sampled") - sampled
        inferred = _served(inference) - inferred
        last = counting.messages
        counting.close()
    served = Counter(arrival.camera for arrival in counting.arrivals(first)[: last - first])
    return Result(
        "adaptive",
        f"{CAMERAS} cameras that ask for {CAMERAS * FPS:.0f} frames a second, about five times what {SESSIONS} sessions"
        f" can do; {seconds} s",
        {
            "sampled_fps": round(sampled / took_s, 1),
            "inferred_fps": round(inferred / took_s, 1),
            "share_never_inferred": round(1 - inferred / sampled, 4),
            "served_a_camera_max_to_min": round(max(served.values()) / min(served.values()), 2),
        },
        at_most={"share_never_inferred": 0.05, "served_a_camera_max_to_min": 1.3},
    )


def _served(port: int) -> float:
    return _sum(port, "vedette_frames_inferred")


def _sum(port: int, name: str) -> float:
    """Of all series of a counter."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return sum(
        s.value for family in families if family.name == name for s in family.samples if s.name.endswith("_total")
    )
