"""Sixty cameras that offer five times what can be inferred: is it fair, fresh, and does it waste nothing?

JPEGs are replayed at the message level. What could be inferred is measured while the same load is running: a bare loop
of as many sessions, once with tensors ready in memory and once with JPEG decoding; rounds are interleaved.

What is compared with a loop that infers is the stage that infers: the events worker, which takes its own share of the
same two cores for tracks and snapshots, is held still (SIGSTOP) on both sides. What is left with it running is measured
too, and said.
"""

import json
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.counting import Counting
from benchmarks.processes import Up, started, up, wait_until
from benchmarks.results import Result

CAMERAS, SESSIONS, OVERLOAD = 60, 2, 5.0
PIPELINES = {"people": {"stages": [{"model": "coco-detector", "confidence": 0.4}]}}


def run(quick: bool) -> Result:
    rounds, seconds, bare_seconds = (1, 15, 10) if quick else (2, 120, 25)
    capacity = bare_rate(1.0, 8, jpeg=True)
    fps = OVERLOAD * capacity / CAMERAS
    ours, tensors, jpegs, whole = [], [], [], []
    for _ in range(rounds):
        tensors.append(bare_rate(fps, bare_seconds, jpeg=False))
        ours.append(_vedette(fps, seconds))
        jpegs.append(bare_rate(fps, bare_seconds, jpeg=True))
        whole.append(_vedette(fps, seconds // 2, events=True)["rate"])
    served = [round_["served_max_to_min"] for round_ in ours]
    rates = [round_["rate"] for round_ in ours]
    return Result(
        "overload",
        f"{CAMERAS} cameras offering {fps * CAMERAS:.0f} frames a second, {OVERLOAD:g} times the capacity, for"
        f" {seconds} s; {SESSIONS} sessions; {rounds} interleaved rounds, medians",
        {
            "served_a_camera_max_to_min": round(max(served), 3),
            "frame_age_p50_ms": round(statistics.median(round_["age_p50"] for round_ in ours), 1),
            "frame_age_p95_ms": round(statistics.median(round_["age_p95"] for round_ in ours), 1),
            "rate_fps": round(statistics.median(rates), 2),
            "bare_tensor_loop_fps": round(statistics.median(tensors), 2),
            "bare_jpeg_loop_fps": round(statistics.median(jpegs), 2),
            "rate_to_bare_tensor_loop": round(statistics.median(r / t for r, t in zip(rates, tensors, strict=True)), 3),
            "rate_to_bare_jpeg_loop": round(statistics.median(r / j for r, j in zip(rates, jpegs, strict=True)), 3),
            "rate_with_events_fps": round(statistics.median(whole), 2),
        },
        at_most={"served_a_camera_max_to_min": 1.3, "frame_age_p95_ms": 1000},
        at_least={"rate_to_bare_tensor_loop": 0.95},
    )


def settings(replicas: int) -> dict[str, Any]:
    return {"pipelines": PIPELINES, "inference": {"sessions": SESSIONS, "device": "cpu", "replicas": replicas}}


def load(site: Up, fps: float, *options: str) -> Any:
    """The cameras, as a context."""
    words = [sys.executable, "-m", "benchmarks.load", str(site.config), "--cameras", str(CAMERAS), "--fps", str(fps)]
    return started([*words, *options], site.folder / "load.log")


def _vedette(fps: float, seconds: int, events: bool = False) -> dict[str, float]:
    with up(settings(1)) as site:
        counting = Counting(site)
        with load(site, fps), nullcontext() if events else _without_events(site):
            counting.wait_for_all(CAMERAS)
            time.sleep(2)
            first, started_s = counting.messages, time.monotonic()
            time.sleep(seconds)
            took_s = time.monotonic() - started_s
            last = counting.messages
            counting.close()
    arrivals = counting.arrivals(first)[: last - first]
    served = Counter(arrival.camera for arrival in arrivals)
    ages = sorted(arrival.total_ms for arrival in arrivals)
    return {
        "rate": len(arrivals) / took_s,
        "served_max_to_min": max(served.values()) / min(served.values()) if len(served) == CAMERAS else float("inf"),
        "age_p50": ages[len(ages) // 2],
        "age_p95": ages[int(len(ages) * 0.95)],
    }


@contextmanager
def _without_events(site: Up) -> Iterator[None]:
    """The site's events worker is held still meanwhile."""
    wait_until(lambda: "events" in site.parts(), "the events worker")
    (worker,) = site.parts()["events"]
    worker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGCONT)


def bare_rate(fps: float, seconds: int, jpeg: bool) -> float:
    """Inferred a second by the bare loop, with the same load on the bus."""
    with up(settings(0)) as site:
        wait_until((site.folder / "state" / "bench" / "nats.json").exists, "the server")
        log = site.folder / "bare.log"
        words = [sys.executable, "-m", "benchmarks.bare_inference", "--sessions", str(SESSIONS)]
        with load(site, fps), started([*words, "--jpeg"] if jpeg else words, log), _without_events(site):
            wait_until(lambda: _inferred(log) > 10, "the bare loop")
            time.sleep(3)
            first, started_s = _inferred(log), time.monotonic()
            time.sleep(seconds)
            return (_inferred(log) - first) / (time.monotonic() - started_s)


def _inferred(log: Path) -> int:
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")] if log.exists() else []
    return int(json.loads(lines[-1])["inferred"]) if lines else 0
