"""What Vedette adds to decoding and inference: from a frame's arrival until a subscriber has its detections.

At the message level, at half of what can be inferred: the time between the moment at which the gateway's publisher is
given a JPEG and its arrival at a subscriber, less the inference of the frame's batch. JPEG decoding in the worker, the
bus and all waiting are in it; video decoding, scaling and JPEG encoding at the gateway are not (1.1 to 1.7 ms a frame
for the latter two at 1080p). Once with the cameras evenly spread, once at random phases, where some frames wait for
others by the nature of the thing.
"""

import time

from benchmarks.counting import Arrival, Counting
from benchmarks.overload import CAMERAS, SESSIONS, bare_rate, load, settings
from benchmarks.processes import up
from benchmarks.results import Result


def run(quick: bool) -> Result:
    seconds = 15 if quick else 60
    fps = bare_rate(1.0, 8, jpeg=True) / 2 / CAMERAS
    even, at_random = _arrivals(fps, seconds), _arrivals(fps, seconds, "--random-phases")
    return Result(
        "latency",
        f"{CAMERAS} cameras at {fps * CAMERAS:.1f} frames a second, half of what {SESSIONS} sessions can do, for"
        f" {seconds} s: from the gateway's publisher to a subscriber, less the inference itself",
        _figures("added", even) | _figures("random_phases_added", at_random),
        at_most={"added_p50_ms": 8, "added_p99_ms": 30},
    )


def _arrivals(fps: float, seconds: int, *options: str) -> list[Arrival]:
    with up(settings(1)) as site:
        counting = Counting(site)
        with load(site, fps, *options):
            counting.wait_for_all(CAMERAS)
            time.sleep(5)
            first = counting.messages
            time.sleep(seconds)
            counting.close()
    return counting.arrivals(first)


def _figures(name: str, arrivals: list[Arrival]) -> dict[str, float]:
    added = [(arrival.at_s - arrival.captured_s) * 1000 - arrival.infer_ms for arrival in arrivals]
    queued = [arrival.queue_ms for arrival in arrivals]
    return {
        f"{name}_p50_ms": _quantile(added, 0.50),
        f"{name}_p95_ms": _quantile(added, 0.95),
        f"{name}_p99_ms": _quantile(added, 0.99),
        f"{name}_of_which_queue_p99_ms": _quantile(queued, 0.99),
    }


def _quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 2)
