"""Keeps the hub's streams sourcing the sites that are wanted, and watches each of them in a task of its own."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic

from vedette.background import end
from vedette.bus.connection import Bus
from vedette.errors import BusError
from vedette.process.metrics import forget
from vedette.retry import Backoff, Retry
from vedette.site import metrics
from vedette.site.hub_streams import HubStream, read_stream, source_sites
from vedette.site.leaf_user import SOURCED
from vedette.site.site_watch import SiteWatch

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
_BACKOFF = Backoff(first_s=0.5, cap_s=5.0)


class HubKeeper:
    """`run` until cancelled. Sites come and go meanwhile."""

    def __init__(self, bus: Bus, wanted: Callable[[], tuple[str, ...]]) -> None:
        """`wanted` says which sites there are to be."""
        self._bus = bus
        self._wanted = wanted
        self._changing = asyncio.Lock()
        self._hub: Mapping[str, HubStream] = {}
        self._watches: dict[str, SiteWatch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def ready(self) -> bool:
        """Whether the streams source what they should."""
        wanted = set(self._wanted())
        return len(self._hub) == len(SOURCED) and all(set(one.sources) == wanted for one in self._hub.values())

    @property
    def links(self) -> dict[str, str]:
        """Up or down, by site."""
        words = {True: "up", False: "down", None: "unknown"}
        return {site: words[watch.up] for site, watch in sorted(self._watches.items())}

    async def run(self) -> None:
        """Errors of the bus are retried."""
        # Not a task group, which cancels once: a request of the library may swallow that (see `background.end`).
        try:
            await self._run()
        finally:
            await end(self._tasks.values())

    async def _run(self) -> None:
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                await self._keep()
            except BusError as error:
                level = logging.WARNING if self._bus.connected else logging.DEBUG
                logger.log(level, "the sources of the hub's streams are not as they should be: %s", error)
                await asyncio.sleep(retry.wait_s(monotonic() - began_s))
            await self._watch()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _keep(self) -> None:
        for stream in SOURCED:
            if await source_sites(self._bus, stream, self._wanted(), self._changing):
                logger.info("%s sources %s", stream, ", ".join(self._wanted()) or "no site")
        self._hub = {stream: await read_stream(self._bus, stream) for stream in SOURCED}

    async def _watch(self) -> None:
        for task in self._tasks.values():
            if task.done():
                task.result()  # a defect: the process ends with it
        wanted = set(self._wanted())
        for site in wanted - self._tasks.keys():
            self._watches[site] = SiteWatch(self._bus, site, self._changing)
            self._tasks[site] = asyncio.create_task(self._follow(self._watches[site]))
        for site in self._tasks.keys() - wanted:
            await end([self._tasks.pop(site)])
            del self._watches[site]
            forget((metrics,), {"edge": site})

    async def _follow(self, watch: SiteWatch) -> None:
        while True:
            try:
                if len(self._hub) == len(SOURCED):
                    await watch.look(self._hub)
            except BusError as error:
                logger.debug("site %s can't be looked at: %s", watch.site, error)
            await asyncio.sleep(LOOK_EVERY_S)
