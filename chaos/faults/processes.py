"""Processes that are killed, held still, and restarted."""

import asyncio
import contextlib
import signal

import psutil

from chaos.system import EACH, KINDS, System
from chaos.trial import Fault, Strike

_PAUSE_S = 10.0
_STORM_STRIKES, _STORM_EVERY_S = 6, 2.0


def _kill(kind: str) -> Strike:
    async def strike(system: System) -> None:
        system.any_of(kind).kill()

    return strike


async def _kill_decoder(system: System) -> None:
    for gateway in system.of("gateway"):
        for process in gateway.family()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _pause(kind: str) -> Strike:
    async def strike(system: System) -> None:
        service = system.any_of(kind)
        service.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(_PAUSE_S)
        finally:
            service.signal(signal.SIGCONT)

    return strike


def _restart(kind: str) -> Strike:
    async def strike(system: System) -> None:
        for service in system.of(kind):
            await service.restart()
            await system.until_ready()

    return strike


async def _storm(system: System) -> None:
    for _ in range(_STORM_STRIKES):
        service = system.any_of(system.random.choice(KINDS))
        match system.random.choice(("kill", "pause", "restart")):
            case "kill":
                service.kill()
            case "pause":
                service.signal(signal.SIGSTOP)
                await asyncio.sleep(_STORM_EVERY_S)
                service.signal(signal.SIGCONT)
            case _:
                await service.restart()
        await asyncio.sleep(_STORM_EVERY_S)


KILLED = (
    *(Fault(f"kill-{kind}", f"SIGKILL of one of {EACH} {kind} processes", _kill(kind)) for kind in reversed(KINDS)),
    Fault("kill-decoders", "SIGKILL of the decode process of each gateway", _kill_decoder),
)
PAUSED = tuple(
    Fault(f"pause-{kind}", f"SIGSTOP of one of {EACH} {kind} processes for {_PAUSE_S:.0f} s", _pause(kind))
    for kind in KINDS
)
RESTARTED = tuple(
    Fault(f"restart-{kind}", f"all {kind} processes are restarted, one after another", _restart(kind)) for kind in KINDS
)
STORM = Fault("storm", f"{_STORM_STRIKES} processes, drawn by lot, are killed, held still or restarted", _storm)
