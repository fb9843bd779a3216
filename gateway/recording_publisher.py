"""Frames of a recording onto the bus: every one, in order, with back-pressure instead of dropping."""

import asyncio
import logging
from time import monotonic

from nats.aio.msg import Msg

from vedette.bus import Bus
from vedette.errors import BusFull, BusUnavailable
from vedette.frames import FrameHeaders
from vedette.retry import Backoff, Retry
from vedette.subjects import CLIPS, CLIPS_IN_FLIGHT, Feed

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0)
_ASK_AGAIN_S = 1.0


class RecordingPublisher:
    """Publishes one recording. At most `CLIPS_IN_FLIGHT` frames are on the bus; the workers' notes make room."""

    def __init__(self, bus: Bus, feed: Feed) -> None:
        self._bus = bus
        self._feed = feed
        self._in_flight = 0
        self._note = asyncio.Event()

    async def start(self) -> None:
        """Listen for the workers' notes."""
        await self._bus.client.subscribe(self._feed.served, cb=self._on_served)

    async def publish(self, jpeg: bytes, headers: FrameHeaders) -> None:
        """Publish a frame; returns when it is stored, however long that takes. A retry never makes a double.

        Raises MessageTooLarge.
        """
        message_id = f"{self._feed.site}/{self._feed.camera}/{self._feed.pipeline}/{headers.epoch}-{headers.seq}"
        retry = Retry(_BACKOFF)
        await self._room()
        while True:
            try:
                await self._bus.publish_confirmed(self._feed.clip, jpeg, headers.encode(), message_id)
                break
            except BusFull:
                await self._room(full=True)
            except BusUnavailable as error:
                logger.warning("frame %s waits: %s", headers.seq, error)
                await asyncio.sleep(retry.wait_s(0.0))
        self._in_flight += 1

    async def withdraw(self) -> None:
        """Take back what no worker has taken yet.

        Raises BusUnavailable.
        """
        try:
            await self._bus.jetstream.purge_stream(CLIPS, subject=self._feed.clip)
        except Exception as error:
            raise BusUnavailable(f"{self._feed.clip}: not withdrawn: {error}") from error

    async def _room(self, full: bool = False) -> None:
        """Wait for a worker's note; notes may get lost, so ask the server again after a second."""
        until_s = monotonic() + _ASK_AGAIN_S
        while (full or self._in_flight >= CLIPS_IN_FLIGHT) and monotonic() < until_s:
            self._note.clear()
            try:
                await asyncio.wait_for(self._note.wait(), until_s - monotonic())
            except TimeoutError:
                self._in_flight = 0
            full = False

    async def _on_served(self, message: Msg) -> None:
        self._in_flight = max(0, self._in_flight - 1)
        self._note.set()
