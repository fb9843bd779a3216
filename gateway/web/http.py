"""The gateway's one HTTP server: health, and the routes of its services (the cameras' API, WHIP).

Health answers from the beginning. The services' routes answer 503 until they are opened: what they work on is there
only when the bus is. A service is an object with `routes`; `gateway/app.py` makes it and lists it here.
"""

import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.web.problem import HttpProblem
from vedette.config.listen_settings import Address
from vedette.process.health import Health, add_health, listening

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
"""Of any request: a camera with polygons, or a WebRTC offer, is a tenth of it."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Whether the services' routes are served. Shut, they answer 503 with `why`."""

    def __init__(self) -> None:
        self.is_open = False
        self.why = "the gateway has no connection to the bus yet"


@asynccontextmanager
async def serve_http(
    health: Health,
    door: Door,
    routes: Iterable[web.RouteDef],
    listen: Address,
    early: Iterable[web.RouteDef] = (),
    middlewares: Iterable[Middleware] = (),
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Address]:
    """Serve health and `routes` on `listen` while the body runs, and `early`, which need no open door, from the first
    moment on; yields the real address.

    `middlewares` come before every route, health's too; `tls` is what to listen with. What a handler raises as
    `HttpProblem` becomes problem+json (RFC 9457). Bodies over 64 KiB are refused.

    Raises:
        StartFailed: the port is taken.
    """
    application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_problems, *middlewares])
    add_health(application, health)
    services = [web.route(route.method, route.path, _through(door, route.handler), **route.kwargs) for route in routes]
    application.add_routes([*services, *early])
    async with listening(application, listen, "listen.gateway", tls=tls) as address:
        yield address


def _through(door: Door, handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if not door.is_open:
            raise HttpProblem(503, door.why, headers={"Retry-After": "1"})
        return await handler(request)

    return handle


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong, here or in aiohttp (no such path, method or size), is answered in one form."""
    try:
        return await handler(request)
    except HttpProblem as problem:
        return problem.response()
    except web.HTTPRequestEntityTooLarge:
        return HttpProblem(413, f"the body is over {MAX_BODY_BYTES} bytes").response()
    except web.HTTPMethodNotAllowed as error:
        return HttpProblem(405, f"{error.method} is not for this path", headers=_allow(error)).response()
    except web.HTTPNotFound:
        return HttpProblem(404, "there is nothing at this path").response()
    except web.HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 -- a defect; its text may quote a URL, so only where it was is logged
        frames = "".join(traceback.format_tb(error.__traceback__))
        path = request.rel_url.raw_path  # without the query, and no line breaks
        logger.error("%s %s failed: %s\n%s", request.method, path, type(error).__qualname__, frames)
        return HttpProblem(500, "internal error; the gateway's log says where").response()


def _allow(error: web.HTTPMethodNotAllowed) -> dict[str, str]:
    return {"Allow": ", ".join(sorted(error.allowed_methods))}
