"""What this process may use of the machine's CPU: how many cores, and how fast one of them is."""

import os
import zlib
from functools import cache
from math import log2
from pathlib import Path
from random import Random
from time import sleep, thread_time

_REFERENCE_S = 0.00033
"""What one piece of the work takes on a core of an AMD EPYC of 2021 (Zen 3): its speed is 1."""
_PIECES, _ROUNDS, _PAUSE_S = 8, 10, 0.02
_STEPS = 2
"""Steps to a doubling: two measurements of one machine are to give the same."""
_CGROUPS = Path("/sys/fs/cgroup")


def usable_cores() -> float:
    """Cores that this process may use: those of its affinity, or what its cgroup's quota leaves of them."""
    return min([float(len(os.sched_getaffinity(0))), *_quotas()])


@cache
def core_speed() -> float:
    """The speed of a core, as a multiple of the reference's. It takes a quarter of a second, for a thread; and once.

    The best of many pieces of the same work, by the thread's CPU time, so that other processes hardly disturb it;
    rounded to half a doubling.
    """
    work = bytes(Random(1).choices(range(64), weights=range(1, 65), k=16384))  # noqa: S311 -- always the same
    best_s = min(_measured_s(work), *(_round_s(work) for _ in range(_ROUNDS)))
    return float(2 ** (round(log2(_REFERENCE_S / best_s) * _STEPS) / _STEPS))


def _round_s(work: bytes) -> float:
    sleep(_PAUSE_S)
    return min(_measured_s(work) for _ in range(_PIECES))


def _measured_s(work: bytes) -> float:
    began_s = thread_time()
    zlib.compress(work, 6)
    return max(thread_time() - began_s, 1e-6)


def _quotas() -> list[float]:
    """Cores, of this process's cgroup and those above it; https://docs.kernel.org/admin-guide/cgroup-v2.html"""
    try:
        own = Path("/proc/self/cgroup").read_text()
    except OSError:
        return []
    paths = [line.split(":", 2)[2].strip("/") for line in own.splitlines() if line.startswith("0::")]
    folders = {_CGROUPS / parent for path in paths for parent in (Path(path), *Path(path).parents)}
    return [quota for folder in folders if (quota := _quota(folder / "cpu.max")) is not None]


def _quota(file: Path) -> float | None:
    """`max 100000`, or microseconds of CPU and the period for which they are."""
    try:
        most, _, period = file.read_text().strip().partition(" ")
        return None if most == "max" else int(most) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
