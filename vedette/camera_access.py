"""The desired cameras of a configuration's site, for commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vedette.bus import Bus, connect
from vedette.bus_address import address_of
from vedette.camera_store import CameraStore
from vedette.config import Config
from vedette.errors import BusUnavailable
from vedette.sealing import sealer_of

_GIVE_UP_AFTER_S = 5.0


@asynccontextmanager
async def camera_access(config: Config, name: str) -> AsyncIterator[tuple[Bus, CameraStore]]:
    """Connected as `name` while the body runs.

    Raises:
        BusUnavailable: not within five seconds.
        BusMisfit, ConfigError.
    """
    sealer = await asyncio.to_thread(sealer_of, config)
    try:
        bus = await connect(address_of(config), name, give_up_after_s=_GIVE_UP_AFTER_S)
    except BusUnavailable as error:
        hint = "" if "vedette up" in str(error) else "; is vedette up running?"
        raise BusUnavailable(f"{error}{hint}") from error
    async with bus:
        yield bus, CameraStore(bus, config.site, sealer)
