"""The galleries that a process's pipelines ask, kept up to date."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from inference.identities.gallery import Gallery
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.identities.store import IdentityStore
from vedette.secrets.sealing import identities_sealer_of


@asynccontextmanager
async def following(config: Config, bus: Bus, names: Iterable[str]) -> AsyncIterator[Mapping[str, Gallery]]:
    """The galleries of these names, by name, which follow the bucket while the body runs.

    Raises:
        ConfigError: the key can't be read.
    """
    if not (names := tuple(names)):
        yield {}
        return
    store = IdentityStore(bus, await asyncio.to_thread(identities_sealer_of, config))
    galleries = {name: Gallery(store, name, config.identities.threshold_of(name)) for name in names}
    async with background(*(gallery.run() for gallery in galleries.values())):
        yield galleries
