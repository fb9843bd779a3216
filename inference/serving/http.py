"""The inference process's one HTTP server: health, and the routes of its services.

Health answers from the beginning; a service says itself what it can't serve yet. Every route and middleware runs in
the request's own task, which is cancelled when its client goes: what waits for the model then leaves the queue.
"""

import logging
import traceback
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from inference.serving.connections import ConnectionLimits, listening, note_request
from inference.serving.load import LOAD, Load
from inference.serving.refusal import Kind, Refused
from vedette.config.listen_settings import Address
from vedette.process.health import Health, add_health

logger = logging.getLogger(__name__)

USUAL = ConnectionLimits()
STATUS: Mapping[Kind, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "unknown": 404,
    "unacceptable": 406,
    "slow": 408,
    "too_large": 413,
    "unsupported": 415,
    "rejected": 422,
    "failed": 500,
    "overloaded": 503,
    "unavailable": 503,
    "late": 504,
}


class Service(Protocol):
    """Something that clients reach over HTTP."""

    @property
    def routes(self) -> Sequence[web.RouteDef]: ...


@asynccontextmanager
async def serve_http(
    health: Health,
    services: Iterable[Service],
    listen: Address,
    middlewares: Sequence[Middleware] = (),
    load: Load | None = None,
    limits: ConnectionLimits = USUAL,
    tls: SSLContext | None = None,
) -> AsyncIterator[Address]:
    """Serve health and the services' routes on `listen` while the body runs; yields the real address.

    `middlewares` come before every route, health's included, the first outermost; `load` bounds what is let through.
    Services read bodies with `read_body`; what a handler raises as `Refused` is answered with its status.

    Raises:
        StartFailed: the port is taken.
    """
    load = load or Load(1 << 31, 1 << 62)
    application = web.Application(middlewares=[note_request, _failures, *middlewares, load.middleware])
    application[LOAD] = load
    add_health(application, health)
    for service in services:
        application.add_routes(service.routes)
    async with listening(application, listen, "listen.inference", limits, tls) as address:
        yield address


def refused(error: Refused) -> web.Response:
    """The answer to a request that is refused, as v2 and problem+json (RFC 9457) both have it."""
    headers = {}
    if error.kind in ("overloaded", "unavailable"):
        headers["Retry-After"] = str(max(1, round(error.wait_s + 0.5)))
    if error.unread:
        headers["Connection"] = "close"
    if error.kind == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    return problem(STATUS[error.kind], str(error), headers, error.details)


def problem(
    status: int, why: str, headers: Mapping[str, str] | None = None, details: Mapping[str, Any] | None = None
) -> web.Response:
    """`error` is what Open Inference Protocol clients read, `detail` what those of RFC 9457 do."""
    body: dict[str, Any] = {"error": why, "status": status, "detail": why, **(details or {})}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


@web.middleware
async def _failures(request: web.Request, handler: Any) -> web.StreamResponse:
    """What goes wrong, here or in aiohttp (no such path, method or size), is answered in one form."""
    try:
        response: web.StreamResponse = await handler(request)
    except Refused as error:
        return refused(error)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return problem(405, f"{error.method} is not for this path", {"Allow": allowed})
    except web.HTTPNotFound:
        return problem(404, "there is nothing at this path")
    except web.HTTPException as error:
        return problem(error.status, error.reason)
    except Exception as error:  # noqa: BLE001 -- a defect; its text may quote the request: only where it was is logged
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s %s failed: %s\n%s", request.method, request.path, type(error).__qualname__, frames)
        return problem(500, "internal error; the server's log says where")
    return response
