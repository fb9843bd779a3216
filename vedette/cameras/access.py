"""The desired cameras of a configuration's site, for commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vedette.bus.access import bus_access
from vedette.bus.connection import Bus
from vedette.cameras.store import CameraStore
from vedette.config.config import Config
from vedette.secrets.sealing import sealer_of


@asynccontextmanager
async def camera_access(config: Config, name: str) -> AsyncIterator[tuple[Bus, CameraStore]]:
    """Connected as `name` while the body runs.

    Raises:
        BusUnavailable: not within five seconds.
        BusMisfit, ConfigError.
    """
    sealer = await asyncio.to_thread(sealer_of, config)
    async with bus_access(config, name) as bus:
        yield bus, CameraStore(bus, config.site, sealer)
