"""One measurement: the client against a running server, or the bare loops."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.processes import cpu_seconds
from benchmarks.serving import client
from benchmarks.serving.client import Job, Outcome
from benchmarks.serving.servers import ONE_THREAD, Server
from benchmarks.serving.starts import ENTRIES, Site


@dataclass(frozen=True)
class Measurement:
    """What a server, or the floor, did in a time."""

    cpu_ms: float
    """Of the server's whole process tree, a request answered with 200."""
    rate: float
    """Requests answered with 200 a second."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    failed: int = 0
    """Requests answered otherwise, or not."""


def of_server(server: Server, request: Path, callers: int, warm_up_s: float, seconds: float) -> Measurement:
    """A closed loop of `callers`. Raises RuntimeError if not one request was answered with 200."""
    job = Job(server.port, [str(request)], callers, warm_up_s, seconds)
    words = [sys.executable, str(Path(client.__file__))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(job)))
        process.stdin.close()
        process.stdout.readline()
        cpu_s = server.cpu_seconds()
        ended = process.stdout.readline()
        cpu_s = server.cpu_seconds() - cpu_s
    outcome = Outcome(**json.loads(ended)["ended"])
    latencies = outcome.latencies_ms
    if not latencies:
        raise RuntimeError(f"no answer in {seconds:g} s with {callers} callers: {outcome}")
    return Measurement(
        cpu_ms=1000 * cpu_s / len(latencies),
        rate=len(latencies) / seconds,
        p50_ms=median(latencies),
        p99_ms=percentile(latencies, 99),
        failed=sum(outcome.statuses.values()) - len(latencies) + outcome.failures,
    )


def of_bare_loops(site: Site, jpeg: Path, warm_up_s: float, seconds: float) -> Measurement:
    """The same work without a server."""
    environ = {**site.environ(0), **ONE_THREAD, "JPEG": str(jpeg)}
    words = [sys.executable, str(ENTRIES / "bare_loops.py")]
    with psutil.Popen(words, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            while int(process.stdout.readline()) == 0:
                pass
            time.sleep(warm_up_s)
            before, cpu_s, begun_s = _latest(process), cpu_seconds([process]), time.monotonic()
            while time.monotonic() - begun_s < seconds:
                after = int(process.stdout.readline())
            cpu_s, seconds = cpu_seconds([process]) - cpu_s, time.monotonic() - begun_s
        finally:
            process.kill()
    return Measurement(cpu_ms=1000 * cpu_s / (after - before), rate=(after - before) / seconds)


def medians(rounds: Sequence[Measurement]) -> dict[str, float]:
    """Of each figure; those that are there."""
    columns = {name: [getattr(one, name) for one in rounds] for name in Measurement.__dataclass_fields__}
    return {name: _short(median(values)) for name, values in columns.items() if None not in values}


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all are not above; `values` are not empty."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _short(value: float) -> float:
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)


def _latest(process: psutil.Popen) -> int:
    """What was printed last. Lines that wait in the pipe are older than what is printed next."""
    end, line = time.monotonic() + 0.2, "0"
    while time.monotonic() < end:
        line = process.stdout.readline()
    return int(line)
