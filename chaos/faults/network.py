"""The network between the processes and their server."""

import asyncio

from chaos.system import KINDS, System
from chaos.trial import Fault, Strike

_LASTS_S = 10.0


async def _cut(system: System) -> None:
    for proxy in system.proxies.values():
        proxy.cut()


def _refuse(kind: str) -> Strike:
    async def strike(system: System) -> None:
        proxy = system.proxies[kind]
        proxy.link.refused = True
        proxy.cut()
        await asyncio.sleep(_LASTS_S)
        proxy.link.refused = False

    return strike


async def _dark(system: System) -> None:
    for proxy in system.proxies.values():
        proxy.link.dark = True
    await asyncio.sleep(_LASTS_S)
    for proxy in system.proxies.values():
        proxy.link.dark = False


async def _slow(system: System) -> None:
    for proxy in system.proxies.values():
        proxy.link.delay_s, proxy.link.bytes_a_second = 0.1, 250_000
    await asyncio.sleep(_LASTS_S)
    for proxy in system.proxies.values():
        proxy.link.delay_s, proxy.link.bytes_a_second = 0.0, None


async def _flip(system: System) -> None:
    for proxy in system.proxies.values():
        proxy.link.flipped = 0.02
    await asyncio.sleep(_LASTS_S)
    for proxy in system.proxies.values():
        proxy.link.flipped = 0.0
        proxy.cut()


FAULTS = (
    Fault("cut-connections", "every connection to the server is reset", _cut),
    *(
        Fault(f"no-route-{kind}", f"{kind} processes can't reach the server for {_LASTS_S:.0f} s", _refuse(kind))
        for kind in KINDS
    ),
    Fault("dark-network", f"nothing arrives for {_LASTS_S:.0f} s, and nobody is told", _dark),
    Fault("slow-network", f"100 ms and 250 kB/s each way for {_LASTS_S:.0f} s", _slow),
    Fault("flipped-bytes", f"a byte of every 50th chunk is changed, for {_LASTS_S:.0f} s", _flip, damages=True),
)
