"""The gateway's WHIP: a place for each camera with `url: whip`, and the sessions of those who publish."""

import asyncio
import hmac
import logging
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.whip.ingest import REPLACED, Ingest
from gateway.whip.offer import Offer
from vedette.config.gateway_settings import WebRtc
from vedette.process.logs import current_camera
from vedette.secrets.secret import SecretText

if TYPE_CHECKING:
    from gateway.whip.ice import IceServers
    from gateway.whip.session import Session

logger = logging.getLogger(__name__)

_PATH_CHARS = 24
"""Of a temporary folder; the path of a socket has 107 at most, and a camera's name up to 63."""

_AT_A_TIME = 8
"""Offers that are answered: each takes a certificate, some sockets, and up to 5 s where STUN servers are silent."""


class Busy(Exception):
    """Too many offers are being answered."""


class PlaceGone(Exception):
    """There is no such place any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody may publish."""

    ingest: Ingest
    token: SecretText | None

    def admits(self, token: str) -> bool:
        """Whether the token is right; found out in the same time wherever it is wrong."""
        return self.token is None or hmac.compare_digest(self.token.reveal().encode(), _bytes(token))


class WhipService:
    """Keeps places and sessions; `run` it while it is used. The HTTP of it is in `endpoint.py`."""

    def __init__(self, settings: WebRtc) -> None:
        self.settings = settings
        self.has_camera: Callable[[str], bool] = {}.__contains__
        """Whether there is a camera of this name, of whatever kind."""
        self.is_elsewhere: Callable[[str], bool] = {}.__contains__
        """Whether it is one to publish to; one that has no place here is another gateway's."""
        self.places: dict[str, Place] = {}
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._folder = _folder_name()
        self._answering = 0

    async def run(self) -> None:
        """Until cancelled; then let all publishers go."""
        try:
            await asyncio.Event().wait()
        finally:
            for session in self._sessions.values():
                session.end("the gateway has stopped")
            if self._tasks:
                await asyncio.wait(self._tasks)
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    @asynccontextmanager
    async def place(self, camera: str, token: SecretText | None, owned: Callable[[], bool]) -> AsyncIterator[Ingest]:
        """A place for the publisher of `camera`, while the body runs."""
        ingest = Ingest(camera, self._folder / camera, owned)
        self.places[camera] = Place(ingest, token)
        try:
            yield ingest
        finally:
            del self.places[camera]
            for session in self.sessions_of(ingest):
                session.end("the camera is gone")
            await ingest.close()

    async def listen(self, ingest: Ingest) -> None:
        """Let the place's readers in.

        Raises:
            OSError: its socket can't be made.
        """
        await asyncio.to_thread(self._prepare)
        await ingest.listen()

    async def accept(self, ingest: Ingest, offer: Offer) -> "tuple[Session, str]":
        """A new session, and its answer. Another one of the camera goes on until this one is connected.

        Raises:
            ValueError: a candidate in the offer is none.
            Busy: too many offers are being answered; later there is room.
            PlaceGone: the camera was removed or changed meanwhile.
        """
        from gateway.whip.session import Session  # aiortc

        if self._answering >= _AT_A_TIME:
            raise Busy(f"{_AT_A_TIME} offers are being answered already")
        session = Session(ingest, offer, _ice_servers(self.settings), self.settings.bitrate_kbps)
        self._answering += 1
        try:
            answer = await session.answer()
        finally:
            self._answering -= 1
        if not self._is_place(ingest):
            await session.abandon()
            raise PlaceGone("the camera is gone or was changed; publish again")
        for other in self.sessions_of(ingest):
            if not other.connected:
                other.end(REPLACED)
        self._sessions[session.id] = session
        task = asyncio.create_task(self._run(session, ingest.camera), name=f"whip-{ingest.camera}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return session, answer

    def session(self, ingest: Ingest, name: str) -> "Session | None":
        """The camera's session of this name, if it isn't about to end."""
        session = self._sessions.get(name)
        return session if session is not None and session.ingest is ingest and not session.ending else None

    def sessions_of(self, ingest: Ingest) -> "list[Session]":
        return [session for session in self._sessions.values() if session.ingest is ingest]

    def _is_place(self, ingest: Ingest) -> bool:
        place = self.places.get(ingest.camera)
        return place is not None and place.ingest is ingest

    def _prepare(self) -> None:
        import_module("gateway.whip.session")  # now, rather than in the first publisher's request
        self._folder.mkdir(mode=0o700, exist_ok=True)

    async def _run(self, session: "Session", camera: str) -> None:
        current_camera.set(camera)
        try:
            logger.info("publisher gone: %s", await session.run())
        except Exception:  # a defect that shows with one publisher must not end the gateway
            logger.exception("a publisher's session failed")
        finally:
            del self._sessions[session.id]


def _bytes(header: str) -> bytes:
    """As they came; what is no UTF-8 is no token, and no error either."""
    return header.encode("utf-8", "surrogateescape")


def _folder_name() -> Path:
    """A new folder's, for the sockets of readers; only this user may enter it."""
    parent = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 -- the folder's name can't be guessed
    return Path(parent if len(parent) <= _PATH_CHARS else "/tmp") / f"vedette-{secrets.token_hex(4)}"  # noqa: S108


def _ice_servers(settings: WebRtc) -> "IceServers":
    """The first STUN and the first TURN server; publishers are told of all."""
    from gateway.whip.ice import IceServers

    turn = next(iter(settings.turn), None)
    stun = _address(settings.stun[0]) if settings.stun else None
    if turn is None:
        return IceServers(stun)
    tls = turn.url.startswith("turns:")
    tcp = tls if "?" not in turn.url else turn.url.endswith("=tcp")
    transport = "tcp" if tcp else "udp"
    return IceServers(stun, _address(turn.url), transport, tls, turn.username, turn.credential.reveal())


def _address(url: str) -> tuple[str, int]:
    """The host and port of a STUN or TURN URL (RFC 7064, RFC 7065)."""
    scheme, _, rest = url.partition("?")[0].partition(":")
    host, _, port = rest.partition(":")
    return host, int(port) if port else (5349 if scheme == "turns" else 3478)
