"""A container with too little memory: a process runs in a control group that has half of what it needs.

The kernel kills it whenever it gets there, and it is started again, until the limit is raised.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from chaos.growth import held_by
from chaos.system import KINDS, System
from chaos.trial import Fault, NoEffect, Strike

_ROOT = Path("/sys/fs/cgroup")
_GROUP = "vedette-chaos"
_KILLED_WITHIN_S, _DEATHS = 60.0, 2


class _Group:
    """Of version 1 or 2 of control groups."""

    def __init__(self) -> None:
        memory = _ROOT / "memory"
        version_1 = (memory / "memory.limit_in_bytes").exists()
        self.folder = (memory if version_1 else _ROOT) / _GROUP
        self.members = self.folder / "cgroup.procs"
        self._limit = self.folder / ("memory.limit_in_bytes" if version_1 else "memory.max")
        self._none = "-1" if version_1 else "max"

    def limit(self, size_bytes: int | None) -> None:
        self._limit.write_text(self._none if size_bytes is None else str(size_bytes))


@contextmanager
def _group() -> Iterator[_Group]:
    """Raises OSError: not root, or no memory controller here."""
    group = _Group()
    group.folder.mkdir(exist_ok=True)
    try:
        group.limit(None)
        yield group
    finally:
        for pid in group.members.read_text().split():
            with contextlib.suppress(OSError):  # it has just ended
                (group.folder.parent / "cgroup.procs").write_text(pid)
        group.folder.rmdir()


def _no_group() -> str | None:
    try:
        with _group():
            return None
    except OSError as error:
        return f"a control group for memory can't be made here ({error.strerror})"


def _limit(kind: str) -> Strike:
    async def strike(system: System) -> None:
        service = system.any_of(kind)
        needs = await held_by(service)
        words, deaths = list(service.words), len(service.deaths)
        with _group() as group:
            group.limit(int((needs.memory_mib if needs else 50) / 2 * 2**20))
            service.words[:] = ["sh", "-c", f'echo $$ > {group.members}; exec "$@"', "sh", *words]
            try:
                await service.restart()
                end_s = monotonic() + _KILLED_WITHIN_S * system.plan.patience
                while len(service.deaths) < deaths + _DEATHS and monotonic() < end_s:
                    await asyncio.sleep(0.05)
            finally:
                service.words[:] = words
            killed = len(service.deaths) - deaths
            await service.restart()
        if killed < _DEATHS:
            raise NoEffect(f"{service.name} was killed {killed} times within {_KILLED_WITHIN_S:.0f} s")

    return strike


FAULTS = tuple(
    Fault(
        f"memory-{kind}",
        f"one of the {kind} processes gets half the memory it needs, until the kernel has killed it {_DEATHS} times",
        _limit(kind),
        _no_group,
    )
    for kind in KINDS
)
