"""How long `/metrics` takes of processes that know 1,000 cameras: `python -m benchmarks scrape`.

Each kind of process is a process of its own with all series of 1,000 cameras in its registry, as after a long life, and
serves them as it does in the product. Scraped is over HTTP, one request after the other. CPU seconds are the
process's own, all threads: the machine may be busy with other things.
"""

import asyncio
import importlib
import itertools
import subprocess
import sys
from statistics import median
from time import monotonic
from typing import Any
from urllib.request import urlopen

import psutil
from prometheus_client import Counter, Gauge, Histogram

import vedette.process.metrics
from benchmarks.results import Result
from vedette.config.listen_settings import Address
from vedette.process.health import Health, serve_health

KINDS = ("gateway", "inference", "events")
CAMERAS = 1000
_VALUES: dict[str, tuple[str, ...]] = {
    "pipeline": ("people",),
    "fate": ("unsampled", "gated", "held", "corrupt", "sampled", "lost"),
    "outcome": ("inferred", "expired", "repeated"),
    "reason": ("bus_slow", "unacknowledged", "disconnected"),
    "label": ("person", "car", "bicycle"),
    "kind": ("object.new", "object.update", "object.end", "zone.enter", "zone.leave", "line.cross", "input.change"),
    "place": ("yard", "door"),
    "zone": ("yard", "door"),
    "verdict": ("ok", "suspect"),
}
"""What a camera's other labels are. A label that isn't here has one value."""


def run(quick: bool) -> Result:
    """Seconds and CPU seconds of a scrape."""
    figures: dict[str, Any] = {}
    for kind in KINDS:
        figures |= {f"{kind}_{name}": value for name, value in measured(kind, 3 if quick else 15, CAMERAS).items()}
    return Result(
        "scrape",
        f"/metrics of a process with the series of {CAMERAS} cameras, over HTTP: median and longest.",
        figures,
        at_most={f"{kind}_cpu_s": 0.5 for kind in KINDS},
    )


def measured(kind: str, times: int, cameras: int) -> dict[str, float]:
    """Series, size, seconds and CPU seconds of a scrape of one kind of process."""
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scrape", kind, str(cameras)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    url, process = child.stdout.readline().strip(), psutil.Process(child.pid)
    try:
        text = _get(url)  # the first one warms up
        before, took = _cpu_s(process), []
        for _ in range(times):
            began = monotonic()
            text = _get(url)
            took.append(monotonic() - began)
        cpu_s = (_cpu_s(process) - before) / times
    finally:
        child.kill()
        child.communicate()
    return {
        "series": sum(not line.startswith(b"#") for line in text.splitlines()),
        "mib": round(len(text) / 2**20, 2),
        "median_s": round(median(took), 3),
        "longest_s": round(max(took), 3),
        "cpu_s": round(cpu_s, 3),
    }


def _get(url: str) -> bytes:
    with urlopen(url, timeout=60) as answer:
        data: bytes = answer.read()
    return data


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _fill(kind: str, cameras: int) -> None:
    for module in (vedette.process.metrics, importlib.import_module(f"{kind}.metrics")):
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram) and "camera" in metric._labelnames:
                others = [_VALUES.get(name, ("one",)) for name in metric._labelnames if name != "camera"]
                for camera, values in itertools.product(range(cameras), itertools.product(*others)):
                    given = iter(values)
                    names = metric._labelnames
                    _touch(metric.labels(*(f"camera-{camera}" if name == "camera" else next(given) for name in names)))


def _touch(child: Counter | Gauge | Histogram) -> None:
    if isinstance(child, Histogram):
        child.observe(0.0421)
    else:
        child.inc(12345.678)


async def _serve(kind: str, cameras: int) -> None:
    _fill(kind, cameras)
    async with serve_health(Health(), Address(host="127.0.0.1", port=0), "listen") as address:
        print(f"http://{address}/metrics", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
