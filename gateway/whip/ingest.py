"""A camera's place for a publisher, and what the camera's reader opens."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Protocol

from gateway import metrics
from gateway.whip.access_unit import AccessUnit
from gateway.whip.outlet import ROOM_BYTES, Outlet

logger = logging.getLogger(__name__)

_KEPT_S = 2.0
NOBODY = "no publisher"
MOVED = "another gateway has the camera"
REPLACED = "another publisher has taken its place"


class Publisher(Protocol):
    """Who sends pictures now."""

    codec: str

    def want_keyframe(self) -> None:
        """Ask for a keyframe soon."""

    def end(self, reason: str) -> None:
        """Be one no more."""


class Ingest:
    """Hands a publisher's access units to whoever connects to its socket; a publisher at a time.

    While no reader is there, what came since the last keyframe is kept (1 MiB and 2 s at most): a reader begins only
    when there is a keyframe to begin with, and not every publisher sends another one for the asking.
    """

    def __init__(self, camera: str, socket: Path, owned: Callable[[], bool]) -> None:
        """`owned`: whether this gateway may have a publisher for the camera now."""
        self.camera = camera
        self.owned = owned
        self.reason = NOBODY
        """Why nothing is published, while nothing is."""
        self.url = f"unix://{socket}"
        """What the camera's reader opens, once it `listen`s."""
        self.published = False
        """Whether somebody publishes."""
        self._socket = socket
        self._publisher: Publisher | None = None
        self._outlets: set[Outlet] = set()
        self._kept: list[AccessUnit] = []
        self._kept_since_s = 0.0
        self._keyframe = asyncio.Event()
        self._awaited = False
        """A reader is about to come, once there is a keyframe."""
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def until_keyframe(self) -> None:
        """Wait until there is something that a reader can begin with."""
        while not self._fresh():
            self._awaited = True
            self._keyframe.clear()
            await self._keyframe.wait()
        self._awaited = False

    async def listen(self) -> None:
        """Listen for readers, unless it does.

        Raises:
            OSError: the socket can't be made.
        """
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._serve, self._socket)

    async def close(self) -> None:
        """Let readers go, and listen no more."""
        self._end(NOBODY)
        if self._server is not None:
            self._server.close()
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    def begin(self, publisher: Publisher) -> None:
        """`publisher` sends from now on; one that did before is let go, and its readers open anew."""
        if self._publisher is not None and self._publisher is not publisher:
            self._publisher.end(REPLACED)
        self._let_go()
        self._publisher = publisher
        self.published = True

    def deliver(self, publisher: Publisher, unit: AccessUnit) -> None:
        """Hand an access unit to the readers."""
        if publisher is not self._publisher:
            return
        if not self._outlets:
            self._keep(unit, publisher)
        for outlet in self._outlets:
            dropped = outlet.dropped
            outlet.offer(publisher.codec, unit)
            metrics.WHIP_DROPPED.labels(self.camera, "reader").inc(outlet.dropped - dropped)

    def pause(self, publisher: Publisher, reason: str) -> None:
        """`publisher` may come back (`begin`); until then readers find the end of the stream."""
        if publisher is self._publisher:
            self._let_go()
            self.published = False
            self.reason = reason

    def end(self, publisher: Publisher, reason: str) -> None:
        """`publisher` sends no more, or never did. If another one has taken its place, nothing changes."""
        if self._publisher in (publisher, None):
            self._end(reason)

    def _end(self, reason: str) -> None:
        self._let_go()
        self._publisher = None
        self.published = False
        self.reason = reason

    def _keep(self, unit: AccessUnit, publisher: Publisher) -> None:
        now_s = monotonic()
        if unit.keyframe:
            self._kept, self._kept_since_s = [], now_s
            self._keyframe.set()
        elif not self._fresh():
            if self._awaited:
                publisher.want_keyframe()
            return
        self._kept.append(unit)
        if sum(len(one.data) for one in self._kept) > ROOM_BYTES:
            self._kept = []

    def _fresh(self) -> list[AccessUnit]:
        """What is kept, if it is of now."""
        if monotonic() - self._kept_since_s > _KEPT_S:
            self._kept = []
        return self._kept

    def _let_go(self) -> None:
        self._kept = []
        for outlet in self._outlets:
            outlet.close()
        self._outlets.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        publisher = self._publisher
        if publisher is None or task is None:
            writer.close()
            return
        self._serving[task] = writer
        outlet = Outlet(writer, publisher.want_keyframe)
        self._attach(outlet, publisher)
        try:
            with suppress(OSError):
                await reader.read()  # a reader says nothing: this is when it has left
        finally:
            self._outlets.discard(outlet)
            outlet.close()
            del self._serving[task]

    def _attach(self, outlet: Outlet, publisher: Publisher) -> None:
        for unit in self._fresh():
            outlet.offer(publisher.codec, unit)
        if not self._kept:
            publisher.want_keyframe()
        self._kept = []
        self._outlets.add(outlet)
