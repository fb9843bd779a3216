"""What Vedette takes before there is a camera: `python -m benchmarks footprint`.

Installed size of `vedette[cpu]` with all it depends on; seconds and CPU seconds of each command's `--help`, which
imports what the command does; `vedette up` on a configuration without a camera: how soon all processes are ready, what
of a core they take when nothing happens, and the memory of each (unique set size), without a model and with
`coco-detector`.
"""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from benchmarks.processes import Up, cpu_seconds, free_port, memory_mib, ready, up, wait_until
from benchmarks.results import Result
from vedette.__main__ import COMMANDS

PIPELINES = {"people": {"sampling": {"fps": 2}, "stages": [{"model": "coco-detector"}]}}


def run(quick: bool) -> Result:
    """All of it."""
    rounds, seconds = (1, 5) if quick else (5, 40)
    sizes = {one.name: _size_mib(one) for one in _closure()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:6]
    figures: dict[str, Any] = {
        "installed_mib": round(sum(sizes.values())),
        "installed_largest_mib": {name: round(sizes[name], 1) for name in largest},
        "help_s": _help_seconds([], rounds)["s"],
        "help_s_by_command": {name: _help_seconds([name], rounds) for name in COMMANDS},
    }
    figures |= {f"without_model_{name}": value for name, value in _idle(0, seconds, rounds).items()}
    figures |= {f"with_model_{name}": value for name, value in _idle(1, seconds, 1).items()}
    return Result(
        "footprint",
        f"installed size; `--help` of each command, median of {rounds}; `up` without a camera: seconds to ready,"
        f" then CPU over {seconds} s and memory by process, without a model and with coco-detector",
        figures,
        at_most={"help_s": 0.3, "without_model_ready_s": 3.0, "without_model_cpu_percent": 2.0},
    )


def _closure() -> list[Distribution]:
    """The distributions that `pip install vedette[cpu]` brings, itself included."""
    found: dict[str, Distribution] = {}
    waiting, seen = [("vedette", frozenset({"cpu"}))], set()
    while waiting:
        name, extras = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if (key, extras) in seen:
            continue
        seen.add((key, extras))
        try:
            found[key] = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform
        waiting += [
            (requirement.name, frozenset(requirement.extras))
            for requirement in map(Requirement, found[key].requires or ())
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in extras or {""})
        ]
    return list(found.values())


def _size_mib(one: Distribution) -> float:
    files = (Path(str(one.locate_file(file))) for file in one.files or ())
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


def _help_seconds(words: list[str], rounds: int) -> dict[str, float]:
    """Median of wall and CPU seconds; the first run, which reads the disk, doesn't count."""
    taken, used = [], []
    for _ in range(rounds + 1):
        before, began = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "vedette", *words, "--help"], check=True, stdout=subprocess.DEVNULL, timeout=60
        )
        taken.append(time.perf_counter() - began)
        after = os.times()
        used.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return {"s": round(statistics.median(taken[1:]), 2), "cpu_s": round(statistics.median(used[1:]), 2)}


def _idle(replicas: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Without a camera: of several starts the median, of the last one all else."""
    starts = [_start(replicas, None) for _ in range(rounds - 1)]
    last = _start(replicas, seconds)
    return last | {"ready_s": round(statistics.median(one["ready_s"] for one in [*starts, last]), 2)}


def _start(replicas: int, seconds: float | None) -> dict[str, Any]:
    kinds = ("gateway", "events", *(("inference",) if replicas else ()))
    addresses = {kind: f"127.0.0.1:{free_port()}" for kind in kinds}
    began = time.perf_counter()
    listen = {"nats": "127.0.0.1:0"} | addresses
    with up({"listen": listen, "pipelines": PIPELINES, "inference": {"replicas": replicas}}) as site:
        wait_until(lambda: all(map(ready, addresses.values())), "all processes are ready", 120)
        start = {"ready_s": time.perf_counter() - began}
        return start if seconds is None else start | dict(_settled(site, seconds))


def _settled(site: Up, seconds: float) -> Iterator[tuple[str, Any]]:
    time.sleep(seconds / 6)  # what a start leaves to do
    parts = site.parts()
    before, began = {kind: cpu_seconds(of) for kind, of in parts.items()}, time.monotonic()
    time.sleep(seconds)
    taken = time.monotonic() - began
    percent = {kind: 100 * (cpu_seconds(of) - before[kind]) / taken for kind, of in parts.items()}
    memory = {kind: memory_mib(of) for kind, of in parts.items()}
    yield "cpu_percent", round(sum(percent.values()), 2)
    yield "cpu_percent_by_process", {kind: round(value, 2) for kind, value in percent.items()}
    yield "mib", round(sum(memory.values()))
    yield "mib_by_process", {kind: round(value, 1) for kind, value in memory.items()}
