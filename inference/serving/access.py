"""Who may do what: tokens with roles, over HTTP and gRPC alike.

With tokens, every call needs one but health's (and metrics', unless the configuration says otherwise), and changes need
one of the role `admin`. Without tokens everybody may infer who reaches the port, and changes are for clients of a
process that listens on loopback alone, no web page among them: a page of the web could reach loopback through the
browser of who sits there, so a request that comes from a page of another origin, or asks for another name than this
machine's (DNS rebinding), changes nothing.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from inference import metrics
from inference.serving.loopback import is_loopback
from inference.serving.refusal import Refused
from vedette.audit.trail import UNKNOWN
from vedette.config.serving_settings import Role, Serving
from vedette.debug import routes as debug
from vedette.fleet.worker_addresses import WorkerAddress

logger = logging.getLogger(__name__)

OPEN = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/openapi.json"})
"""Paths that need no token."""
_MOST_CHARACTERS = 512
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Caller(NamedTuple):
    """Whose a call is, for the audit log."""

    name: str
    """The token's, `this machine` where there are no tokens, or `unknown`."""
    role: Role | None


Around = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
"""Something that serves a request by a handler."""


async def _straight(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


class Access:
    """Lets calls in, or raises Refused."""

    def __init__(self, settings: Serving, listen: WorkerAddress) -> None:
        self._tokens = [(bytes.fromhex(token.sha256), Caller(token.name, token.role)) for token in settings.tokens]
        self._on_loopback = is_loopback(listen.http.host) and is_loopback(listen.grpc.host)
        self._open = (OPEN if settings.metrics == "infer" else OPEN | {"/metrics"}) | debug.PATHS

    @property
    def may_change(self) -> bool:
        """Whether there is anybody at all who may."""
        return self._on_loopback or bool(self._tokens)

    def check(self, authorization: str, admin: bool) -> None:
        """Whether a call with this header, or without one, may be served."""
        try:
            self._check(authorization, admin)
        except Refused as error:
            metrics.ACCESS_REFUSED.labels(error.kind).inc()
            raise

    def check_debug(self, request: web.Request) -> None:
        """Whether the process may be looked into. Raises Refused."""
        self.check(request.headers.get("Authorization", ""), admin=True)
        if not self._tokens:
            _check_origin(request)

    def _check(self, authorization: str, admin: bool) -> None:
        if not self._tokens:
            if admin and not self._on_loopback:
                raise Refused("forbidden", "this process listens beyond this machine: changes need serving.tokens")
            return
        caller = self._owner(authorization)
        if caller is None:
            raise Refused("unauthenticated", "needs a token: Authorization: Bearer …")
        if admin and caller.role != "admin":
            raise Refused("forbidden", "changes need a token of the role admin")

    def who(self, authorization: str) -> Caller:
        """Whose a call with this header is, whether it is let in or not."""
        if not self._tokens:
            return Caller("this machine" if self._on_loopback else UNKNOWN, None)
        return self._owner(authorization) or Caller(UNKNOWN, None)

    def _owner(self, authorization: str) -> Caller | None:
        """Of who has the token that the header gives. Every token is compared, in a time that tells nothing."""
        scheme, _, given = authorization[:_MOST_CHARACTERS].partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
        found: Caller | None = None
        for token, caller in self._tokens:
            if hmac.compare_digest(digest, token):
                found = caller
        return found if scheme.lower() == "bearer" else None

    def middleware(self, admin: Collection[tuple[str, str]], around: Around = _straight) -> Middleware:
        """For HTTP; `admin` are the methods and paths of routes that only admins use. Requests to those that change
        something, let in or not, are served by `around`."""

        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.check(request.headers.get("Authorization", ""), admin=True)
            if not self._tokens:
                _check_origin(request)
            return await handler(request)

        @web.middleware
        async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            path = "" if resource is None else resource.canonical
            if (request.method, path) not in admin:
                if path not in self._open:
                    self.check(request.headers.get("Authorization", ""), admin=False)
                return await handler(request)
            if request.method == "GET":
                return await admit(request, handler)
            return await around(request, lambda asked: admit(asked, handler))

        return let_in

    def warn(self, encrypted: bool) -> None:
        """Say in the log what a wide-open configuration means."""
        if self._on_loopback:
            return
        if not self._tokens:
            logger.warning("everybody who reaches this process may infer: serving.tokens would keep others out")
        elif not encrypted:
            logger.warning("tokens and pictures travel in plain text: serving.tls would encrypt them")


def _check_origin(request: web.Request) -> None:
    host = _host(f"//{request.host}")
    if not is_loopback(host):
        raise Refused("forbidden", "without serving.tokens changes are for this machine's own names")
    origin = request.headers.get("Origin")
    if origin is not None and _netloc(origin) != request.host:
        raise Refused("forbidden", "without serving.tokens changes are not for web pages")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""
