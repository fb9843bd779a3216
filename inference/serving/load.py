"""How much is under way at a time: requests, and the bytes of their bodies."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from inference.serving.refusal import Refused

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_RETRY_S = 1.0


class Load:
    """Of one process: HTTP and gRPC share the memory; of requests each has its own number."""

    def __init__(self, requests: int, body_bytes: int, grace_s: float = 10.0, least_bytes_s: float = 16 << 10) -> None:
        """Of `requests` at most, with `body_bytes` in all; a body may take `grace_s` seconds, and beyond them comes at
        `least_bytes_s`."""
        self._most_requests = requests
        self._most_bytes = body_bytes
        self._requests = 0
        self.bytes = 0
        """Of the bodies that are here."""
        self.grace_s = grace_s
        self.least_bytes_s = least_bytes_s

    def expect(self, size: int) -> None:
        """Refuse what can't be held. Raises Refused."""
        if self.bytes + size > self._most_bytes:
            raise Refused("overloaded", "the bodies of requests fill this server's memory", _RETRY_S)

    def take(self, request: web.Request, size: int) -> None:
        """So many bytes of the request's body are here; they are given back when it ends. Raises Refused."""
        self.expect(size)
        self.bytes += size
        request[HELD] = request.get(HELD, 0) + size

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """So many bytes are here while the body runs. Raises Refused."""
        self.expect(size)
        self.bytes += size
        try:
            yield
        finally:
            self.bytes -= size

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuses a request that would be one too many; those that only look, health's too, are always served."""
        if request.method == "GET":
            return await handler(request)
        if self._requests >= self._most_requests:
            raise Refused("overloaded", f"{self._requests} requests are under way", _RETRY_S)
        self._requests += 1
        try:
            return await handler(request)
        finally:
            self._requests -= 1
            self.bytes -= request.get(HELD, 0)


HELD: "web.RequestKey[int]" = web.RequestKey("held", int)
LOAD: "web.AppKey[Load]" = web.AppKey("load", Load)
UNLIMITED = Load(1 << 31, 1 << 62)
"""For an application without one."""
