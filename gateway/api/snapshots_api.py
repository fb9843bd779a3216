"""`/api/v1/snapshots`: the pictures that events name, found and deleted by camera, time, label, person or object.

Pictures are private: where nobody has to say who they are, they are for this machine only.
"""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from gateway.api.guard import Guard
from gateway.api.snapshot_query import read_paging, read_query
from gateway.web.problem import HttpProblem
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.snapshots.record import SnapshotRecord
from vedette.snapshots.store import BadCursor, SnapshotStore

ROOT = "/api/v1/snapshots"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT_BY_BROWSERS = "private, max-age=86400, immutable"
"""The picture of a name never changes; but it may be deleted, and is then seen no longer than a day."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SnapshotsApi:
    """Its routes may be called when `begin` has been."""

    def __init__(self, site: str, guard: Guard) -> None:
        self._site = site
        self._guard = guard
        self._store: SnapshotStore

    def begin(self, bus: Bus) -> None:
        """The bus is there."""
        self._store = SnapshotStore(bus)

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.get(ROOT, self._guarded(self._list)),
            web.delete(ROOT, self._guarded(self._delete, changes=True)),
            web.get(f"{ROOT}/{{sha256}}", self._guarded(self._show)),
        ]

    def _guarded(self, handler: Handler, changes: bool = False) -> Handler:
        @wraps(handler)
        async def handle(request: web.Request) -> web.StreamResponse:
            self._guard.check(request, changes)
            if not (self._guard.accounts or self._guard.is_open):
                raise HttpProblem(
                    403, "the gateway listens beyond this machine: pictures need gateway.api_token or gateway.accounts"
                )
            try:
                return await handler(request)
            except BusUnavailable as error:
                raise HttpProblem(503, str(error), headers={"Retry-After": "1"}) from error

        return handle

    async def _list(self, request: web.Request) -> web.Response:
        given = _given(request)
        query, (limit, begin) = read_query(given, self._site), read_paging(given)
        try:
            page = await self._store.page(query, limit, begin)
        except BadCursor as error:
            raise HttpProblem(422, f"begin {error}", [{"key": "begin", "detail": str(error)}]) from error
        answer: dict[str, Any] = {"snapshots": [_shown(record) for record in page.records]}
        return web.json_response(answer if page.next is None else {**answer, "next": page.next})

    async def _delete(self, request: web.Request) -> web.Response:
        query = read_query(_given(request), self._site, paged=False)
        return web.json_response({"deleted": await self._store.delete(query)})

    async def _show(self, request: web.Request) -> web.Response:
        sha256 = request.match_info["sha256"]
        jpeg = await self._store.get(sha256) if _SHA256.fullmatch(sha256) else None
        if jpeg is None:
            raise HttpProblem(404, "there is no such snapshot (any more)", headers={"Cache-Control": "no-store"})
        headers = {"Cache-Control": _KEPT_BY_BROWSERS, "X-Content-Type-Options": "nosniff"}
        answer = web.Response(body=jpeg, content_type="image/jpeg", headers=headers)
        answer.etag = sha256
        if any(tag.value in ("*", sha256) for tag in request.if_none_match or ()):
            return _unchanged(answer.headers["ETag"])
        return answer


def _given(request: web.Request) -> dict[str, list[str]]:
    return {name: request.query.getall(name) for name in request.query}


def _shown(record: SnapshotRecord) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_none=True, exclude={"site"})


def _unchanged(etag: str) -> web.Response:
    return web.Response(status=304, headers={"ETag": etag, "Cache-Control": _KEPT_BY_BROWSERS})
