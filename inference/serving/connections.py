"""The connections of the HTTP server: how many, and none that keeps a place without using it.

aiohttp waits for a request's header, and for a client to take its answer, as long as it takes. Here a connection ends
when its header is not whole in time, when it idles too long, and when its answer is not taken. (Bodies have a pace of
their own, in `body.py`.)
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic
from typing import Any

from aiohttp import web

from inference import metrics
from vedette.background import background
from vedette.config.listen_settings import Address
from vedette.errors import StartFailed

logger = logging.getLogger(__name__)

_LOOKS_S = 0.5
_LOG_EVERY_S = 30.0
_CUT = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 1\r\n\r\n"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Of one server."""

    connections: int = 1024
    header_s: float = 10.0
    """Until a request's header is whole, and until a client has taken some of an answer that it asked for."""
    idle_s: float = 75.0


class _Connection(web.RequestHandler):
    """One of them."""

    __slots__ = ("_all", "busy", "header_since", "paused_since")

    def __init__(self, server: web.Server, connections: "Connections", **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._all = connections
        self.header_since: float | None = None
        """Since when a header is waited for, on the monotonic clock."""
        self.paused_since: float | None = None
        """Since when the client takes nothing."""
        self.busy = False
        """Whether a request is being served."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.header_since = monotonic()
        self._all.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._all.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.header_since is None and not self.busy:
            self.header_since = monotonic()
        super().data_received(data)

    def pause_writing(self) -> None:
        self.paused_since = monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.paused_since = None
        super().resume_writing()

    def cut(self, status: bytes | None) -> None:
        """End it now, with a status where the client may be waiting for an answer."""
        transport = self.transport
        if transport is None:
            return
        if status is None:
            transport.abort()
        else:
            transport.write(_CUT % status)
            transport.close()


class Connections:
    """All of one server."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: set[_Connection] = set()
        self._logged_s = -_LOG_EVERY_S

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: _Connection) -> None:
        """A new one, which is refused where there are too many."""
        if len(self._open) >= self._limits.connections:
            self._count("too_many")
            connection.cut(b"503 Service Unavailable")
            return
        self._open.add(connection)
        metrics.CONNECTIONS.set(len(self._open))

    def discard(self, connection: _Connection) -> None:
        """One that has ended."""
        self._open.discard(connection)
        metrics.CONNECTIONS.set(len(self._open))

    async def watch(self) -> None:
        """End those that are too slow; never returns."""
        while True:
            await asyncio.sleep(min(_LOOKS_S, self._limits.header_s / 4))
            oldest = monotonic() - self._limits.header_s
            for connection in list(self._open):
                if connection.paused_since is not None and connection.paused_since < oldest:
                    self._count("answer")
                    connection.cut(None)
                elif connection.header_since is not None and connection.header_since < oldest:
                    self._count("header")
                    connection.cut(b"408 Request Timeout")

    def _count(self, reason: str) -> None:
        metrics.CONNECTIONS_CUT.labels(reason).inc()
        if monotonic() - self._logged_s > _LOG_EVERY_S:
            self._logged_s = monotonic()
            logger.warning("connections are cut: %s (%d are open)", reason, len(self._open))


@web.middleware
async def note_request(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Its header is here; what follows is no header until it is served."""
    connection = request.protocol
    if not isinstance(connection, _Connection):
        return await handler(request)
    connection.header_since, connection.busy = None, True
    try:
        return await handler(request)
    finally:
        connection.busy = False


@asynccontextmanager
async def listening(
    application: web.Application, listen: Address, key: str, limits: ConnectionLimits, tls: SSLContext | None = None
) -> AsyncIterator[Address]:
    """Serve `application` on `listen` while the body runs; yields the real address. A handler whose client goes is
    cancelled.

    Raises:
        StartFailed: the port is taken; `key` is the configuration key to name.
    """
    options: dict[str, Any] = {"access_log": None, "keepalive_timeout": limits.idle_s}
    runner = web.AppRunner(
        application, handle_signals=False, shutdown_timeout=0.5, handler_cancellation=True, **options
    )
    await runner.setup()
    connections = Connections(limits)
    site = _Site(runner, listen, lambda: _Connection(_server(runner), connections, **options), limits, tls)
    try:
        try:
            await site.start()
        except OSError as error:
            raise StartFailed(f"{key}: {listen}: {error.strerror}; choose another port there") from error
        host, port = runner.addresses[0][:2]
        async with background(connections.watch()):
            yield Address(host=host, port=port)
    finally:
        await runner.cleanup()


def _server(runner: web.AppRunner) -> web.Server:
    server = runner.server
    assert server is not None  # noqa: S101 -- `setup` made it
    return server


class _Site(web.BaseSite):
    """A TCP site whose connections are made by `protocol`."""

    def __init__(
        self,
        runner: web.AppRunner,
        listen: Address,
        protocol: Callable[[], _Connection],
        limits: ConnectionLimits,
        tls: SSLContext | None,
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._listen = listen
        self._protocol = protocol
        self._handshake_s = limits.header_s

    @property
    def name(self) -> str:
        return f"{'http' if self._ssl_context is None else 'https'}://{self._listen}"

    async def start(self) -> None:
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._protocol,
            self._listen.host,
            self._listen.port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=None if self._ssl_context is None else self._handshake_s,
            backlog=512,
        )
