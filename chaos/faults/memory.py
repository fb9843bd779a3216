"""Memory that runs out."""

import asyncio
import resource

from chaos.system import KINDS, System
from chaos.trial import Fault, Strike

_LASTS_S = 10.0
_LEFT_BYTES = 4 * 2**20


def _limit(kind: str) -> Strike:
    """A process gets hardly any more address space than it has; allocations fail, whoever makes them."""

    async def strike(system: System) -> None:
        service = system.any_of(kind)
        family = service.family()
        for process in family:
            limit = process.memory_info().vms + _LEFT_BYTES
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        await asyncio.sleep(_LASTS_S)
        for process in service.family():
            resource.prlimit(process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return strike


FAULTS = tuple(
    Fault(
        f"memory-{kind}",
        f"a {kind} process has {_LEFT_BYTES // 2**20} MiB of address space left for {_LASTS_S:.0f} s (RLIMIT_AS)",
        _limit(kind),
    )
    for kind in KINDS
)
