"""`/debug`: of the process that answers, mounted in the HTTP server of each.

| path | answers |
|---|---|
| `/debug` | what there is |
| `/debug/stacks` | where every thread and task is |
| `/debug/memory` | what the memory is made of, as JSON |
| `/debug/profile?seconds=10` | a flame graph of the next seconds: SVG, `format=speedscope` or `format=raw` |
"""

import asyncio
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from vedette.debug.frames import report, tasks, threads
from vedette.debug.memory import memory
from vedette.debug.recording import ENDINGS, Format, NoProfile, NoProfiler, Wanted, record
from vedette.secrets.secret import SecretText

PATHS = frozenset({"/debug", "/debug/stacks", "/debug/memory", "/debug/profile"})
_MEDIA_TYPES: Mapping[Format, str] = {
    "flamegraph": "image/svg+xml",
    "speedscope": "application/json",
    "raw": "text/plain",
}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
            "style-src 'unsafe-inline'"}  # fmt: skip
"""A flame graph is clickable by a script of its own, which must not be one of ours."""
_MOST_CHARACTERS = 512
_INDEX = """\
/debug/stacks                     where every thread and asyncio task is
/debug/memory                     what the memory is made of
/debug/profile?seconds=10         a flame graph (SVG) of the next 10 seconds
    format=speedscope|raw         for speedscope.app, or a line a stack
    rate=100                      samples a second
    idle=1                        threads that wait too
    native=1                      frames of C and C++ too
    children=0                    without the processes that this one has started
"""

Permit = Callable[[web.Request], None]
"""Raises what the service answers with to those who may not."""
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DebugRoutes:
    """One a process."""

    def __init__(self, permit: Permit, token: SecretText | None = None) -> None:
        """`permit`: the service's own rule. Who has `token` is let in whatever it says."""
        self._permit = permit
        self._token = None if token is None else _digest(token.reveal())
        self._busy = False

    @property
    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        handlers: dict[str, _Handler] = {
            "/debug": self._index,
            "/debug/stacks": self._stacks,
            "/debug/memory": self._memory,
            "/debug/profile": self._profile,
        }
        return [web.get(path, self._guarded(handler), allow_head=False) for path, handler in handlers.items()]

    def _guarded(self, handler: _Handler) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._has_token(request):
                self._permit(request)
            return await handler(request)

        return handle

    def _has_token(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "")[:_MOST_CHARACTERS].partition(" ")
        known = self._token
        return known is not None and scheme.lower() == "bearer" and hmac.compare_digest(_digest(given), known)

    async def _index(self, request: web.Request) -> web.Response:
        return web.Response(text=_INDEX, headers=_HEADERS)

    async def _stacks(self, request: web.Request) -> web.Response:
        text = await asyncio.to_thread(report, threads(), tasks())
        return web.Response(text=text, headers=_HEADERS)

    async def _memory(self, request: web.Request) -> web.Response:
        if self._busy:
            return _busy()
        self._busy = True
        try:
            return web.json_response(await asyncio.to_thread(memory), headers=_HEADERS)
        finally:
            self._busy = False

    async def _profile(self, request: web.Request) -> web.Response:
        try:
            wanted = _wanted(request.query)
        except ValueError as error:
            return _said(400, str(error))
        if self._busy:
            return _busy()
        self._busy = True
        try:
            made = await record(os.getpid(), wanted)
        except NoProfiler as error:
            return _said(501, str(error))
        except NoProfile as error:
            return _said(500, str(error))
        finally:
            self._busy = False
        headers = {
            **_HEADERS,
            **_SANDBOX,
            "Content-Disposition": f'inline; filename="profile.{ENDINGS[wanted.format]}"',
        }
        return web.Response(body=made, headers=headers, content_type=_MEDIA_TYPES[wanted.format])


def _wanted(query: Mapping[str, str]) -> Wanted:
    """Raises ValueError."""
    known = {"seconds", "rate", "format", "children", "idle", "native"}
    if unknown := sorted(set(query) - known):
        raise ValueError(f"{', '.join(unknown)}: no such parameter (known: {', '.join(sorted(known))})")
    kind = next((kind for kind in ENDINGS if kind == query.get("format", "flamegraph")), None)
    if kind is None:
        raise ValueError(f"format must be one of {', '.join(ENDINGS)}")
    return Wanted(
        seconds=_number(query, "seconds", 10),
        rate_hz=_number(query, "rate", 100),
        format=kind,
        children=_flag(query, "children", True),
        idle=_flag(query, "idle", False),
        native=_flag(query, "native", False),
    )


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError(f"{name} must be a whole number")
    return int(text)


def _flag(query: Mapping[str, str], name: str, otherwise: bool) -> bool:
    known = {"1": True, "true": True, "0": False, "false": False}
    value = known.get(query.get(name, str(int(otherwise))))
    if value is None:
        raise ValueError(f"{name} must be 1 or 0")
    return value


def _busy() -> web.Response:
    return _said(409, "another one is under way in this process; try again when it is over")


def _said(status: int, text: str) -> web.Response:
    return web.json_response(
        {"title": "no profile" if status >= 500 else "refused", "status": status, "detail": text},
        status=status,
        headers=_HEADERS,
        content_type="application/problem+json",
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
