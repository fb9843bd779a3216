"""What a process holds: memory, threads, descriptors, asyncio tasks; and whether that has grown."""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import psutil

from chaos.service import Service
from chaos.system import System

_SETTLES_WITHIN_S = 25.0
_LOOK_EVERY_S = 1.0
_MEMORY_MIB = {"nats-server": 512}
"""What a nats-server holds follows its streams: those in memory, up to their bounds, and as much again for Go's garbage
collector."""
_TASKS = re.compile(r"^(\d+) other asyncio tasks", re.MULTILINE)


@dataclass(frozen=True)
class Held:
    """By a service and the processes that it has started."""

    memory_mib: float
    """Unique set size: what would be free without it."""
    threads: int
    descriptors: int
    tasks: int | None
    """None: it has no event loop of ours, or doesn't say."""

    def beyond(self, usual: "Held", memory_mib: float = 64) -> list[str]:
        """What is more than what is usual, and more than what caches, pools and a burst explain: `memory_mib`."""
        bounds = {
            "memory_mib": usual.memory_mib * 1.3 + memory_mib,
            "threads": usual.threads + 8,
            "descriptors": usual.descriptors + 16,
            "tasks": (usual.tasks or 0) + 12,
        }
        ours = asdict(self)
        return [
            f"{name} {ours[name]:.0f}, usual are {asdict(usual)[name] or 0:.0f}"
            for name, bound in bounds.items()
            if ours[name] is not None and ours[name] > bound
        ]


async def held_by(service: Service) -> Held | None:
    """None while it doesn't run."""
    counted = await asyncio.to_thread(_counted, service.family())
    if counted is None:
        return None
    return Held(*counted, await _tasks(service))


def _counted(family: Sequence[psutil.Process]) -> tuple[float, int, int] | None:
    memory, threads, descriptors = 0.0, 0, 0
    for process in family:
        with contextlib.suppress(psutil.Error):  # ended meanwhile
            memory += process.memory_full_info().uss / 2**20
            threads += process.num_threads()
            descriptors += process.num_fds()
    return (round(memory, 1), threads, descriptors) if threads else None


async def _tasks(service: Service) -> int | None:
    if service.http is None:
        return None
    status, text = await service.get("/debug/stacks")
    found = _TASKS.search(text) if status == 200 else None
    return int(found[1]) if found else None


async def held(system: System) -> dict[str, Held]:
    """By the names of the services that run."""
    found = {process.name: await held_by(process) for process in system.processes}
    return {name: one for name, one in found.items() if one is not None}


class Usual:
    """What all services of a kind held together in a time in which nothing failed.

    Cameras and partitions wander from one service to another, and with them what is held for them.
    """

    def __init__(self) -> None:
        self._of: dict[str, Held] = {}

    async def learn(self, system: System) -> None:
        self._of = _by_kind(system, await held(system))

    async def grown(self, system: System) -> tuple[dict[str, Held], list[str]]:
        """What is held, by service, and what is wrong with it; what was a burst has some time to pass."""
        end_s = asyncio.get_running_loop().time() + _SETTLES_WITHIN_S * system.plan.patience
        while True:
            now = await held(system)
            wrong = [
                f"{kind}: {text}"
                for kind, all_of_it in _by_kind(system, now).items()
                if kind in self._of
                for text in all_of_it.beyond(self._of[kind], _MEMORY_MIB.get(kind, 64))
            ]
            if not wrong or asyncio.get_running_loop().time() > end_s:
                return now, wrong
            await asyncio.sleep(_LOOK_EVERY_S)


def _by_kind(system: System, now: dict[str, Held]) -> dict[str, Held]:
    sums: dict[str, Held] = {}
    for process in system.processes:
        if process.name in now:
            one, other = now[process.name], sums.get(process.kind, Held(0, 0, 0, None))
            tasks = None if one.tasks is None else one.tasks + (other.tasks or 0)
            sums[process.kind] = Held(
                round(one.memory_mib + other.memory_mib, 1),
                one.threads + other.threads,
                one.descriptors + other.descriptors,
                tasks,
            )
    return sums
