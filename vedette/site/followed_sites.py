"""`hub.sites` of a configuration file, as it is edited."""

import asyncio
import logging
from pathlib import Path

from vedette.config.file import load_config
from vedette.errors import ConfigError

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0


class FollowedSites:
    """The sites that the file wants now. An edit that is not good is said, and changes nothing."""

    def __init__(self, path: Path, sites: tuple[str, ...]) -> None:
        """`sites` are those of the file as it was read at the start."""
        self._path = path
        self._sites = sites
        self._seen: bytes | None = None

    def wanted(self) -> tuple[str, ...]:
        """By name."""
        return self._sites

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _look(self) -> None:
        try:
            text = self._path.read_bytes()
            if text == self._seen:
                return
            self._seen = text
            hub = load_config(self._path).hub
        except OSError:  # not there: an editor puts another in its place
            return
        except ConfigError as error:
            logger.error("the edit is refused whole, the sites stay as they were: %s", error)
            return
        sites = hub.sites if hub else ()
        if sites != self._sites:
            logger.info("%s: the sites are now %s", self._path, ", ".join(sites) or "none")
            self._sites = sites
