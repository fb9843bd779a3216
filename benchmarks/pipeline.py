"""The whole pipeline against a bare loop: CPU of four paced 1080p25 cameras at 2 fps.

Both read the same cameras over RTSP from one simulator (whose CPU counts for neither), decode every frame, sample 2 a
second and run the same graph. Vedette's side is everything that `vedette up` runs: gateway, nats-server, inference
and the supervisor. Rounds are interleaved.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.cameras_1080p import clip
from benchmarks.counting import Counting
from benchmarks.processes import cpu_seconds, free_port, memory_mib, started, up, wait_until
from benchmarks.results import Result

CAMERAS, FPS = 4, 2.0


def run(quick: bool) -> Result:
    rounds, seconds = (1, 10) if quick else (3, 30)
    video, port = clip(), free_port()
    # One file, four names: four cameras with timelines of their own.
    with tempfile.TemporaryDirectory() as folder:
        videos = [Path(folder) / f"cam{n}.mp4" for n in range(CAMERAS)]
        for path in videos:
            path.symlink_to(video)
        simulate = [sys.executable, "-m", "vedette", "simulate", *map(str, videos), "--listen", f"127.0.0.1:{port}"]
        with started(simulate, Path(folder) / "simulator.log"):
            urls = [f"rtsp://127.0.0.1:{port}/cam{n}" for n in range(CAMERAS)]
            vedette, bare = [], []
            for _ in range(rounds):
                vedette.append(_vedette(urls, seconds))
                bare.append(_bare(urls, seconds, Path(folder) / "bare.log"))
    ratios = [ours["ms"] / theirs["ms"] for ours, theirs in zip(vedette, bare, strict=True)]
    parts = sorted({part for ours in vedette for part in ours["parts"]})
    return Result(
        "pipeline",
        f"CPU ms a camera-second, {CAMERAS} paced 1080p25 H.264 cameras over RTSP at {FPS:g} fps, every frame"
        f" decoded on both sides; {rounds} interleaved rounds of {seconds} s, medians",
        {
            "vedette_ms": round(statistics.median(ours["ms"] for ours in vedette), 1),
            "bare_loop_ms": round(statistics.median(theirs["ms"] for theirs in bare), 1),
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "vedette_parts_ms": {
                part: round(statistics.median(ours["parts"].get(part, 0.0) for ours in vedette), 1) for part in parts
            },
            "vedette_inferred_fps": round(statistics.median(ours["fps"] for ours in vedette), 2),
            "bare_inferred_fps": round(statistics.median(theirs["fps"] for theirs in bare), 2),
            "bare_dropped": sum(theirs["dropped"] for theirs in bare),
            "gateway_mib_a_camera": round(statistics.median(ours["mib"] for ours in vedette), 1),
        },
        at_most={"ratio": 1.25},
    )


def _vedette(urls: list[str], seconds: int) -> dict:  # type: ignore[type-arg]
    settings = {
        "cameras": {
            f"cam{n}": {"url": url, "pipeline": "people", "decode": {"strategy": "all"}} for n, url in enumerate(urls)
        },
        "pipelines": {"people": {"sampling": {"fps": FPS}, "stages": [{"model": "coco-detector", "confidence": 0.4}]}},
        "inference": {"sessions": 2, "device": "cpu"},
    }
    with up(settings) as site:
        counting = Counting(site)
        counting.wait_for_all(len(urls))
        time.sleep(3)
        parts = site.parts()
        empty = memory_mib(parts["gateway"])
        before = {kind: cpu_seconds(processes) for kind, processes in parts.items()}
        first, started_s = counting.messages, time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - started_s
        after = {kind: cpu_seconds(processes) for kind, processes in parts.items()}
        messages = counting.messages - first
        counting.close()
    scale = 1000 / took_s / len(urls)
    each = {kind: (after[kind] - before[kind]) * scale for kind in after}
    return {
        "ms": sum(each.values()),
        "parts": each,
        "fps": messages / took_s / len(urls),
        "mib": empty / len(urls),
    }


def _bare(urls: list[str], seconds: int, log: Path) -> dict:  # type: ignore[type-arg]
    log.write_text("")
    with started([sys.executable, "-m", "benchmarks.bare_loop", *urls, "--fps", str(FPS)], log) as process:
        wait_until(lambda: _said(log, "inferred") > 8, "the bare loop infers")
        time.sleep(3)
        loop = psutil.Process(process.pid)
        before, first, started_s = cpu_seconds([loop]), _said(log, "inferred"), time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - started_s
        used_s, inferred = cpu_seconds([loop]) - before, _said(log, "inferred") - first
        dropped = _said(log, "dropped")
    return {"ms": used_s * 1000 / took_s / len(urls), "fps": inferred / took_s / len(urls), "dropped": dropped}


def _said(log: Path, name: str) -> int:
    """What the bare loop said last."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return int(json.loads(lines[-1])[name]) if lines else 0
