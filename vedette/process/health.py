"""`/healthz`, `/readyz` and `/metrics` of a process. Ready means: every named condition holds."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from vedette.config.listen_settings import Address
from vedette.errors import StartFailed
from vedette.process.exposition import exposition

Condition = Callable[[], bool]
_LINGER_S = 1.0
"""How long what is still to come of a refused body is taken and thrown away, so that its sender reads the answer."""
_HEALTH: "web.AppKey[Health]" = web.AppKey("health")


class Health:
    """What must hold for this process to be ready."""

    def __init__(self) -> None:
        self._conditions: dict[str, Condition] = {}
        self._details: dict[str, Callable[[], object]] = {}
        self.stopping = False
        """Set first of all at the end: a process that stops is not ready."""

    def require(self, name: str, condition: Condition) -> None:
        """Ready only while `condition()` is true; `name` is shown while it isn't."""
        self._conditions[name] = condition

    def show(self, name: str, detail: Callable[[], object]) -> None:
        """`/readyz` says `detail()`, which can be written as JSON, under `name`; it is no condition."""
        self._details[name] = detail

    def details(self) -> dict[str, object]:
        """What there is to be said beside the conditions, by name."""
        return {name: detail() for name, detail in self._details.items()}

    def missing(self) -> list[str]:
        """The names of the conditions that don't hold; empty means ready."""
        missing = [name for name, condition in self._conditions.items() if not condition()]
        return ["stopping", *missing] if self.stopping else missing


@asynccontextmanager
async def serve_health(
    health: Health,
    listen: Address,
    key: str,
    tls: ssl.SSLContext | None = None,
    routes: Iterable[web.RouteDef] = (),
) -> AsyncIterator[Address]:
    """Serve the three endpoints and `routes` on `listen`; yields the real address.

    Raises:
        StartFailed: the port is taken; `key` is the configuration key to name.
    """
    application = web.Application()
    add_health(application, health)
    application.add_routes(routes)
    async with listening(application, listen, key, tls=tls) as address:
        yield address


def add_health(application: web.Application, health: Health) -> None:
    """Add the three endpoints to an application that has others too."""
    application[_HEALTH] = health
    application.on_response_prepare.append(_say_no_versions)
    application.add_routes([web.get("/healthz", _healthz), web.get("/readyz", _readyz), web.get("/metrics", _metrics)])


@asynccontextmanager
async def listening(
    application: web.Application,
    listen: Address,
    key: str,
    cancel_handlers: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Address]:
    """Serve `application` on `listen` while the body runs; yields the real address.

    `cancel_handlers`: a handler whose client goes is cancelled.

    Raises:
        StartFailed: the port is taken; `key` is the configuration key to name.
    """
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=0.5,
        handler_cancellation=cancel_handlers,
        lingering_time=_LINGER_S,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, listen.host, listen.port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise StartFailed(f"{key}: {listen}: {error.strerror}; choose another port there") from error
        host, port = runner.addresses[0][:2]
        yield Address(host=host, port=port)
    finally:
        await runner.cleanup()


async def _say_no_versions(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "vedette"


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    health = request.app[_HEALTH]
    missing = health.missing()
    if missing:
        return web.json_response({"ready": False, "missing": missing, **health.details()}, status=503)
    return web.json_response({"ready": True, **health.details()})


async def _metrics(request: web.Request) -> web.Response:
    text = await asyncio.to_thread(exposition)  # it reads /proc
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
