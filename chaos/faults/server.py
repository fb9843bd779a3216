"""The nats-server is killed, restarted, or held still."""

import asyncio
import signal

from chaos.system import System
from chaos.trial import Fault

_PAUSE_S = 6.0


async def _kill(system: System) -> None:
    system.brokers[0].kill()


async def _restart(system: System) -> None:
    await system.brokers[0].restart()


async def _pause(system: System) -> None:
    broker = system.brokers[0]
    broker.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(_PAUSE_S)
    finally:
        broker.signal(signal.SIGCONT)


async def _kill_again(system: System) -> None:
    for _ in range(3):
        system.brokers[0].kill()
        await asyncio.sleep(3)


FAULTS = (
    Fault("kill-server", "SIGKILL of the nats-server; what it had in memory is gone", _kill),
    Fault("restart-server", "the nats-server is restarted in order", _restart),
    Fault("pause-server", f"SIGSTOP of the nats-server for {_PAUSE_S:.0f} s", _pause),
    Fault("kill-server-again", "SIGKILL of the nats-server three times within 9 s", _kill_again),
)
