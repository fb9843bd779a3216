"""A process reaches the memory limit of its container: it is moved into a control group that has next to none."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from chaos.system import KINDS, System
from chaos.trial import Fault, NoEffect, Strike

_ROOT = Path("/sys/fs/cgroup")
_GROUP = "vedette-chaos"
_LEFT_BYTES = 2 * 2**20
_KILLED_WITHIN_S = 40.0


@contextmanager
def _small_group() -> Iterator[Path]:
    """The file to which a process id is written; what the process holds already does not count.

    Raises OSError: not root, or no memory controller (of version 1 or 2) here.
    """
    version_1 = _ROOT / "memory" / "memory.limit_in_bytes"
    folder = (version_1.parent if version_1.exists() else _ROOT) / _GROUP
    folder.mkdir(exist_ok=True)
    try:
        limit = folder / ("memory.limit_in_bytes" if version_1.exists() else "memory.max")
        limit.write_text(str(_LEFT_BYTES))
        yield folder / "cgroup.procs"
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):  # it has just ended
                (folder.parent / "cgroup.procs").write_text(pid)
        folder.rmdir()


def _no_group() -> str | None:
    try:
        with _small_group():
            return None
    except OSError as error:
        return f"a control group for memory can't be made here ({error.strerror})"


def _limit(kind: str) -> Strike:
    async def strike(system: System) -> None:
        service = system.any_of(kind)
        deaths, end_s = len(service.deaths), monotonic() + _KILLED_WITHIN_S
        with _small_group() as members:
            for process in service.family():
                members.write_text(str(process.pid))
            while len(service.deaths) == deaths and monotonic() < end_s:
                await asyncio.sleep(0.05)
        if len(service.deaths) == deaths:
            raise NoEffect(f"{service.name} needed no more memory within {_KILLED_WITHIN_S:.0f} s")

    return strike


FAULTS = tuple(
    Fault(
        f"memory-{kind}",
        f"one of the {kind} processes may have {_LEFT_BYTES // 2**20} MiB more than it has; the kernel kills it",
        _limit(kind),
        _no_group,
    )
    for kind in KINDS
)
