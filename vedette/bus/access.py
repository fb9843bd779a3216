"""The bus of a configuration, for commands: a site that does not run is said soon, and what to do about it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vedette.bus.address import address_of
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.errors import BusUnavailable

_GIVE_UP_AFTER_S = 5.0


@asynccontextmanager
async def bus_access(config: Config, name: str) -> AsyncIterator[Bus]:
    """Connected as `name` while the body runs.

    Raises:
        BusUnavailable: not within five seconds.
        BusMisfit.
    """
    try:
        bus = await connect(address_of(config), name, give_up_after_s=_GIVE_UP_AFTER_S)
    except BusUnavailable as error:
        hint = "" if "vedette up" in str(error) else "; is vedette up running?"
        raise BusUnavailable(f"{error}{hint}") from error
    async with bus:
        yield bus
