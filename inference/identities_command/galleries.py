"""What the subcommands have in common: which gallery, and the way to it."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vedette.bus.access import bus_access
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.pipeline_settings import IdentitiesStage
from vedette.errors import ConfigError
from vedette.identities.store import IdentityStore
from vedette.ids import ID_PATTERN, is_id
from vedette.secrets.sealing import identities_sealer_of


def add_gallery(parser: argparse.ArgumentParser) -> None:
    """The option."""
    parser.add_argument("--gallery", metavar="NAME", type=_gallery, help="needed unless the pipelines use just one")


def _gallery(text: str) -> str:
    if not is_id(text):
        raise argparse.ArgumentTypeError(f"a gallery's name matches {ID_PATTERN}")
    return text


def galleries_of(config: Config) -> list[str]:
    """Those that the pipelines compare faces with."""
    stages = [stage for pipeline in config.pipelines.values() for stage in pipeline.stages]
    return sorted({stage.identities for stage in stages if isinstance(stage, IdentitiesStage)})


def gallery_of(config: Config, given: str | None) -> str:
    """The one that is given, or the pipelines' only one.

    Raises:
        ConfigError: there is not just one.
    """
    used = galleries_of(config)
    if given is None and len(used) != 1:
        raise ConfigError(f"--gallery is needed: the pipelines use {', '.join(used) or 'none'}")
    return given or used[0]


@asynccontextmanager
async def identity_access(config: Config) -> AsyncIterator[tuple[Bus, IdentityStore]]:
    """Connected while the body runs.

    Raises:
        BusUnavailable: not within five seconds.
        BusMisfit, ConfigError.
    """
    sealer = await asyncio.to_thread(identities_sealer_of, config)
    async with bus_access(config, "identities") as bus:
        yield bus, IdentityStore(bus, sealer)
