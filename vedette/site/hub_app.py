"""The hub process: it keeps the sources of the hub's streams, and says what of the sites is late or lost."""

import logging
from pathlib import Path

from vedette.background import background
from vedette.bus.address import address_of
from vedette.bus.connection import connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import ConfigError
from vedette.process.health import Health, serve_health
from vedette.process.shell import DONE, Stop
from vedette.site.followed_sites import FollowedSites
from vedette.site.hub_keeper import HubKeeper
from vedette.site.link_certificates import watch_link_certificates

logger = logging.getLogger(__name__)


async def serve(config: Config, path: Path, listen: Address, stop: Stop) -> int:
    """Until stopped; returns the exit status.

    Raises ConfigError, StartFailed, BusMisfit, BusUnavailable.
    """
    if config.hub is None:
        raise ConfigError(f"{path}: has no hub: {{sites: […]}}; this command is for a hub")
    sites = FollowedSites(path, config.hub.sites)
    health = Health()
    health.require("bus", lambda: False)  # until there is one
    async with (
        serve_health(health, listen, "listen.hub") as address,
        await stop.unless_requested(connect(address_of(config), "hub")) as bus,
    ):
        keeper = HubKeeper(bus, sites.wanted)
        health.require("bus", lambda: bus.connected)
        health.require("sources", lambda: keeper.ready)
        health.show("links", lambda: keeper.links)
        logger.info("health and metrics on http://%s", address)
        async with background(bus.until_lost(), sites.follow(), keeper.run(), watch_link_certificates(config)):
            await stop.wait()
            health.stopping = True
    return DONE
