"""What Vedette adds to decoding and inference: from a frame's arrival until a subscriber has its detections.

At the message level, at half of what can be inferred, cameras evenly spread: the time between arrival at the gateway
and arrival at a subscriber, less the inference of the frame's batch. Video decoding is not in it; JPEG decoding, the
bus and all waiting are.
"""

import time

from benchmarks.counting import Counting
from benchmarks.overload import CAMERAS, SESSIONS, _bare, load, settings
from benchmarks.processes import up, wait_until
from benchmarks.results import Result


def run(quick: bool) -> Result:
    seconds = 15 if quick else 120
    capacity = _bare(1.0, 8, jpeg=True)
    fps = capacity / 2 / CAMERAS
    with up(settings(1)) as site:
        counting = Counting(site)
        wait_until((site.folder / "state" / "bench" / "nats.json").exists, "the server")
        with load(site, fps):
            counting.wait_for_all(CAMERAS)
            time.sleep(5)
            first = counting.messages
            time.sleep(seconds)
            arrivals = counting.arrivals[first:]
            counting.close()
    added = sorted((arrival.at_s - arrival.captured_s) * 1000 - arrival.infer_ms for arrival in arrivals)
    total = sorted((arrival.at_s - arrival.captured_s) * 1000 for arrival in arrivals)
    queued = sorted(arrival.queue_ms for arrival in arrivals)
    return Result(
        "latency",
        f"{len(arrivals)} frames of {CAMERAS} cameras at {fps * CAMERAS:.1f} a second, half of what {SESSIONS} sessions"
        " can do: from arrival at the gateway to a subscriber, less the inference itself",
        {
            "added_p50_ms": _quantile(added, 0.50),
            "added_p95_ms": _quantile(added, 0.95),
            "added_p99_ms": _quantile(added, 0.99),
            "of_which_queue_p99_ms": _quantile(queued, 0.99),
            "with_inference_p50_ms": _quantile(total, 0.50),
            "with_inference_p99_ms": _quantile(total, 0.99),
        },
        {"added_p50_ms": "at most 8", "added_p99_ms": "at most 30"},
    )


def _quantile(values: list[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(len(values) * share))], 2)
