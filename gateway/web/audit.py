"""Every request that changes something goes to the audit log, with its outcome; so does one that was not let in."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.access.accounts import Caller
from gateway.web.problem import HttpProblem
from vedette.audit.message import Audit, outcome_of
from vedette.audit.trail import UNKNOWN, AuditTrail
from vedette.config.camera_settings import Camera

CALLER: "web.RequestKey[Caller]" = web.RequestKey("caller", Caller)
"""Set by who lets the request in."""
KEYS: "web.RequestKey[tuple[str, ...]]" = web.RequestKey("keys", tuple)
"""Set by who reads the body: the settings that are named in it."""
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_UNTOLD = frozenset({("PATCH", "/whip/{camera}/{session}")})
"""Part of something that is told."""
_MOST_CHARACTERS = 100
_SETTINGS = frozenset(Camera.model_fields)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def note_keys(request: web.Request, keys: Iterable[str]) -> None:
    """The body names these; only those that are settings of a camera are told."""
    request[KEYS] = tuple(sorted(_SETTINGS.intersection(keys)))


def auditing(trail: AuditTrail, site: str) -> Middleware:
    """Of a gateway."""

    @web.middleware
    async def audited(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method in _LOOKS or (request.method, _path(request)) in _UNTOLD:
            return await handler(request)
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except HttpProblem as problem:
            status = problem.status
            raise
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            trail.note(_entry(request, site, status))

    return audited


def _entry(request: web.Request, site: str, status: int) -> Audit:
    caller, path = request.get(CALLER), _path(request)
    matched = list(request.match_info.values())
    anonymous = "publisher" if path.startswith("/whip/") and status < 400 else UNKNOWN
    return Audit(
        site=site,
        service="gateway",
        actor=(caller.name or "this machine") if caller else anonymous,
        role=caller.role if caller else None,
        address=request.remote,
        action=f"{request.method} {path}",
        target=matched[0][:_MOST_CHARACTERS] if matched else None,
        keys=request.get(KEYS, ()),
        outcome=outcome_of(status),
        status=status,
    )


def _path(request: web.Request) -> str:
    """The route's, not what was asked for, which may hold anything."""
    resource = request.match_info.route.resource
    return "(no such path)" if resource is None else resource.canonical
