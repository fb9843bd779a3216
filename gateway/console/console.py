"""The console put together: its files, signing in, what moves, and what it reads beside the cameras."""

from aiohttp import web

from gateway.access.sign_in import SignIn
from gateway.api.guard import Guard
from gateway.console import pages
from gateway.console.live import Live
from gateway.console.viewer import LiveEndpoint
from gateway.console.views_api import ViewsApi
from vedette.bus.connection import Bus
from vedette.config.config import Config


class Console:
    """Its routes are made at once; `begin` when the bus is there, and `run` from then on."""

    def __init__(self, config: Config, guard: Guard) -> None:
        """Reads files: not for the event loop."""
        self.live = Live(config.site)
        self._views = ViewsApi(config, guard)
        self._early = [*pages.routes(), *SignIn(guard, config.site).routes(), *LiveEndpoint(self.live, guard).routes()]

    def early(self) -> list[web.RouteDef]:
        """What is served without a bus too: the page says that it is away."""
        return self._early

    def routes(self) -> list[web.RouteDef]:
        """What needs the bus."""
        return self._views.routes()

    async def run(self, bus: Bus) -> None:
        """Serve viewers until cancelled."""
        await self.live.run(bus)

    def begin(self, bus: Bus) -> None:
        """The bus is there."""
        self._views.begin(bus)
