"""Cameras that fail. The others, and everything behind them, must not notice."""

import asyncio

from chaos.cameras import ODD, SMALL, STREET, YARD
from chaos.system import System
from chaos.trial import Fault

_LASTS_S = 8.0


async def _flap(system: System) -> None:
    for _ in range(4):
        system.cameras.device.vanish(STREET)
        await asyncio.sleep(1)
        system.cameras.device.resume(STREET)
        await asyncio.sleep(1)


async def _stall(system: System) -> None:
    system.cameras.device.stall(STREET)
    await asyncio.sleep(2 * _LASTS_S)
    system.cameras.device.resume(STREET)


async def _garbage(system: System) -> None:
    system.cameras.device.garble(STREET, seed=system.plan.seed)
    await asyncio.sleep(_LASTS_S)
    system.cameras.device.resume(STREET)


async def _lossy(system: System) -> None:
    system.cameras.device.lose(STREET, seed=system.plan.seed, share=0.1)
    await asyncio.sleep(_LASTS_S)
    system.cameras.device.resume(STREET)


async def _size(system: System) -> None:
    await system.cameras.device.switch(YARD, ODD)
    await asyncio.sleep(_LASTS_S)
    await system.cameras.device.switch(YARD, SMALL)


async def _codec(system: System) -> None:
    await system.cameras.exchange_door(h265=True)
    await asyncio.sleep(_LASTS_S)
    await system.cameras.exchange_door(h265=False)


async def _clock(system: System) -> None:
    for off_s in (3600.0, -3600.0):
        system.cameras.device.set_clock(STREET, off_s)
        system.cameras.device.jump(STREET, off_s / 60)
        await asyncio.sleep(_LASTS_S / 2)
    system.cameras.device.set_clock(STREET, 0.0)


FAULTS = (
    Fault("camera-flaps", "a camera goes and comes back four times in 8 s", _flap),
    Fault("camera-stalls", f"a camera stays connected and sends nothing for {2 * _LASTS_S:.0f} s", _stall),
    Fault("camera-garbage", f"every packet of a camera is random bytes for {_LASTS_S:.0f} s", _garbage),
    Fault("camera-loses-packets", f"a tenth of a camera's packets is lost, in bursts, for {_LASTS_S:.0f} s", _lossy),
    Fault("camera-changes-size", "a camera changes its picture's size in mid-stream, and back", _size),
    Fault("camera-changes-codec", "a camera comes back with H.265 for H.264, and back", _codec),
    Fault(
        "camera-clock-jumps", "a camera's clock leaps an hour ahead, then two back; its time stamps a minute", _clock
    ),
)
