"""Frames of a recording onto the bus: every one, in order, with back-pressure instead of dropping."""

import asyncio
import logging
from dataclasses import replace

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusFull, BusUnavailable
from vedette.frames import FrameHeaders
from vedette.messages import Served
from vedette.retry import Backoff, Retry
from vedette.streams import CLIPS, CLIPS_IN_FLIGHT
from vedette.subjects import Feed
from vedette.tracing.context import TraceContext

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0)
_ASK_AGAIN_S = 1.0


class RecordingPublisher:
    """Publishes one recording. At most `CLIPS_IN_FLIGHT` frames are on the bus; the workers' notes make room."""

    def __init__(self, bus: Bus, feed: Feed, traced: bool = False) -> None:
        """`traced`: its frames are the beginnings of traces, which the workers tell."""
        self._bus = bus
        self._traced = traced
        self._feed = feed
        self._unserved: set[int] = set()
        self._note = asyncio.Event()
        self.published = 0
        """Frames stored so far."""

    async def start(self) -> None:
        """Listen for the workers' notes."""
        await self._bus.client.subscribe(self._feed.served, cb=self._on_served)

    async def publish(self, jpeg: bytes, headers: FrameHeaders) -> None:
        """Publish a frame; returns when it is stored, however long that takes. A retry never makes a double.

        Raises:
            MessageTooLarge: the frame can't be published.
            BusUnavailable: the server ended the connection for good.
        """
        message_id = f"{self._feed.site}/{self._feed.camera}/{self._feed.pipeline}/{headers.epoch}-{headers.seq}"
        retry = Retry(_BACKOFF)
        if self._traced:
            headers = replace(headers, traceparent=str(TraceContext.new()))
        await self._room()
        self._unserved.add(headers.seq)
        while True:
            try:
                await self._bus.publish_confirmed(self._feed.clip, jpeg, headers.encode(), message_id)
                self.published += 1
                return
            except BusFull:
                await self._noted()
            except BusUnavailable as error:
                self._bus.raise_if_lost()
                logger.warning("frame %s waits: %s", headers.seq, error)
                await asyncio.sleep(retry.wait_s(0.0))

    async def _room(self) -> None:
        while len(self._unserved) >= CLIPS_IN_FLIGHT:
            if not await self._noted():
                self._unserved.clear()  # notes may get lost; the server says whether there is room

    async def _noted(self) -> bool:
        """Wait for a worker's note; False when none came within a second."""
        self._note.clear()
        try:
            async with asyncio.timeout(_ASK_AGAIN_S):
                await self._note.wait()
        except TimeoutError:
            return False
        return True

    async def _on_served(self, message: Msg) -> None:
        try:
            note = Served.model_validate_json(message.data)
        except ValidationError as error:
            logger.warning("malformed served note on %s: %s errors", message.subject, error.error_count())
            return
        self._unserved.discard(note.seq)
        self._note.set()


async def withdraw(bus: Bus, feed: Feed) -> None:
    """Take back the frames of a recording that no worker has taken yet.

    Raises BusUnavailable.
    """
    try:
        await bus.jetstream.purge_stream(CLIPS, subject=feed.clip)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{feed.clip}: not withdrawn: {describe(error)}") from error
