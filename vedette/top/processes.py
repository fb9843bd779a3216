"""Which processes there are: those that announce themselves on the bus, and those whose addresses are given."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import Self

from vedette.bus.address import address_of
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.debug.targets import names_of, url_of
from vedette.errors import BusError, BusUnavailable, ConfigError
from vedette.fleet.members import Member, live_members
from vedette.fleet.worker_addresses import worker_addresses

_WITHIN_S = 2.0
_REMEMBERED_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process is asked. `name` is that of `vedette up`; `key` is new at each start, as far as that is known."""

    name: str
    url: str
    key: str


class Given:
    """Processes by their addresses."""

    def __init__(self, urls: list[str]) -> None:
        """Each is `http://host:port`, with or without the path."""
        self.notice: str | None = None
        self._places = [_given(url) for url in urls]

    async def find(self) -> list[Place]:
        """All of them, always."""
        return self._places


class OfSite:
    """Processes of a site, while the body runs, as they come and go. Without the bus: those known before, or else
    those that the configuration puts on this machine."""

    def __init__(self, config: Config) -> None:
        self.notice: str | None = None
        """What is wrong with the bus."""
        self._config = config
        self._bus: Bus | None = None
        self._known: dict[str, tuple[Place, float]] = {}
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BusError):
            await self._closing.aclose()

    async def find(self) -> list[Place]:
        """Those that live, and those that did in the last minute unless another has their place."""
        now_s = monotonic()
        try:
            members = await self._members()
        except BusError as error:
            self.notice = f"the bus is away: {error}"
            return [place for place, _ in self._known.values()] or self._configured()
        self.notice = None
        live = {place.key: (place, now_s) for place in self._places(members)}
        taken = {place.url for place, _ in live.values()} | {place.name for place, _ in live.values()}
        gone = {
            key: (place, seen_s)
            for key, (place, seen_s) in self._known.items()
            if key not in live and now_s - seen_s < _REMEMBERED_S and not {place.url, place.name} & taken
        }
        self._known = live | gone
        return sorted((place for place, _ in self._known.values()), key=lambda place: place.name)

    async def _members(self) -> list[Member]:
        if self._bus is None or self._bus.client.is_closed:
            bus = await connect(address_of(self._config), "top", _WITHIN_S, keeps_streams=False)
            self._bus = await self._closing.enter_async_context(bus)
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await live_members(self._bus, self._config.site)
        except TimeoutError:
            raise BusUnavailable("no answer") from None

    def _places(self, members: list[Member]) -> list[Place]:
        names = names_of(members)
        return [Place(names[one.name][0], f"{url_of(one, self._config)}/metrics", one.name) for one in members]

    def _configured(self) -> list[Place]:
        config = self._config
        here = [("gateway", "gateway", config.listen.gateway), ("events", "events", config.listen.events)]
        with suppress(ConfigError):
            workers = [(name, number) for name in config.model_names() for number in range(config.inference.replicas)]
            addresses = islice(worker_addresses(config), len(workers))
            for (name, number), address in zip(workers, addresses, strict=True):
                here.append(("inference", f"inference-{name}-{number}", address.http))
        return [self._place(kind, name, address) for kind, name, address in here if address.port]

    def _place(self, kind: str, name: str, address: Address) -> Place:
        url = url_of(Member(name, kind, self._config.site, str(address), 0), self._config)
        return Place(name, f"{url}/metrics", url)


def _given(url: str) -> Place:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if scheme not in ("http", "https") or not host:
        raise ConfigError(f"--metrics {url!r}: must be http://host:port/metrics")
    return Place(host, f"{scheme}://{host}/{path or 'metrics'}", url)
