"""`/api/v1/live`: one WebSocket a browser, over which all that moves on the page comes, and nothing piles up.

A WebSocket rather than server-sent events: a JPEG travels as it is, in one message with its boxes, so that a box is
always drawn on the picture in which it was found; and the browser says when it has drawn one, so that the next is sent
only then. TCP alone would let megabytes wait in buffers between.

The browser sends `{"type": "hello", "csrf": "…"}` first, then `{"type": "look", "at": [["gate", "people"]]}` with
what it shows, and `{"type": "drawn"}` for each picture that it got.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from typing import Any

from aiohttp import WSMsgType, web

from gateway.access.sessions import COOKIE
from gateway.api.guard import Guard
from gateway.console.live import Live
from gateway.console.outbox import Outbox, PictureOf
from gateway.console.scene import Place
from gateway.web.problem import HttpProblem
from vedette.background import end
from vedette.ids import is_id

logger = logging.getLogger(__name__)

PATH = "/api/v1/live"
MOST_PLACES = 64
"""That one browser looks at."""
_HEARTBEAT_S = 20.0
_SEND_WITHIN_S = 30.0
_HELLO_WITHIN_S = 10.0
_CLOSE_S = 2.0
_MOST_BYTES = 16 * 1024
_GOING_AWAY, _POLICY, _TRY_LATER = 1001, 1008, 1013


class LiveEndpoint:
    """Lets browsers in."""

    def __init__(self, live: Live, guard: Guard) -> None:
        self._live = live
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [web.get(PATH, self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._guard.check(request, changes=False, private=True)
        if self._live.is_full():
            raise HttpProblem(503, "too many browsers are connected", headers={"Retry-After": "30"})
        session = self._guard.sessions.find(request.cookies.get(COOKIE))
        by_cookie = session is not None and "Authorization" not in request.headers
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S, max_msg_size=_MOST_BYTES, compress=False, timeout=_CLOSE_S
        )
        await socket.prepare(request)
        said = await _hello(socket)
        if said is None or (session is not None and by_cookie and not session.has(said)):
            await socket.close(code=_POLICY, message=b"say hello with the session's token first")
            return socket
        if self._live.is_full():  # others came while this one said hello
            await socket.close(code=_TRY_LATER, message=b"too many browsers are connected")
            return socket
        viewer = Viewer(socket, self._live, lambda: session is None or self._guard.sessions.lasts(session))
        await viewer.run()
        return socket


class Viewer:
    """One browser."""

    def __init__(self, socket: web.WebSocketResponse, live: Live, may_look: Callable[[], bool]) -> None:
        self.outbox = Outbox()
        self.looks_at: Collection[Place] = ()
        self._socket = socket
        self._live = live
        self._may_look = may_look
        self._woken = asyncio.Event()
        self._why: tuple[int, bytes] | None = None

    def wake(self) -> None:
        """There is something in the outbox."""
        self._woken.set()

    def check(self) -> None:
        """A second has passed."""
        if not self._may_look():
            self._part(_POLICY, b"signed out")

    def leave(self) -> None:
        """The gateway stops."""
        self._part(_GOING_AWAY, b"the gateway stops")

    async def run(self) -> None:
        """Until one of both sides ends it."""
        self._live.join(self)
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._send())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.left(self)
            await end(tasks)
            code, why = self._why or (_TRY_LATER, b"")
            await self._socket.close(code=code, message=why, drain=False)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                return self._part(_POLICY, b"text, please")
            said = _object(message.data)
            if said.get("type") == "drawn":
                self.outbox.drawn()
                self.wake()
            elif said.get("type") == "look":
                self._look(said.get("at"))
        return None

    def _look(self, at: object) -> None:
        wanted = at if isinstance(at, list) else []
        pairs = [one for one in wanted if isinstance(one, list) and len(one) == 2 and all(map(_is_id, one))]
        before, self.looks_at = self.looks_at, frozenset(Place(*one) for one in pairs[:MOST_PLACES])
        for place in before:
            if place not in self.looks_at:
                self.outbox.forget(place)
        self._live.look()
        for place in self.looks_at:
            if place not in before and self._live.scene(place) is not None:
                self.outbox.picture(place)  # what another one sees already
        self.wake()

    async def _send(self) -> None:
        while self._why is None:
            await self._woken.wait()
            self._woken.clear()
            while self._why is None and (message := self.outbox.next()) is not None:
                try:
                    async with asyncio.timeout(_SEND_WITHIN_S):
                        await self._send_one(message)
                except (TimeoutError, ConnectionError):
                    return self._part(_TRY_LATER, b"too slow")
        return None

    async def _send_one(self, message: str | PictureOf) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
            return
        scene = self._live.scene(message.place)
        if scene is None:
            self.outbox.drawn()
        else:
            await self._socket.send_bytes(scene.encode())

    def _part(self, code: int, why: bytes) -> None:
        self._why = self._why or (code, why)
        self.wake()


async def _hello(socket: web.WebSocketResponse) -> str | None:
    """The token of the browser's first message; None: it was another one, or none came."""
    try:
        message = await socket.receive(timeout=_HELLO_WITHIN_S)
    except TimeoutError:
        return None
    said = _object(message.data) if message.type is WSMsgType.TEXT else {}
    csrf = said.get("csrf")
    return csrf if said.get("type") == "hello" and isinstance(csrf, str) else None


def _is_id(part: object) -> bool:
    return isinstance(part, str) and is_id(part)  # it becomes a part of subjects


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
