"""A recording through the whole system: its frames onto the bus, its detections back, in order."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from gateway.pictures.frame_headers import headers_of
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.reading.interface import ReadOptions, StreamInfo
from gateway.reading.reader import Reader
from gateway.reading.reading_thread import read_in_thread
from gateway.recordings.recording_publisher import RecordingPublisher
from vedette.background import end
from vedette.event_parser import Event
from vedette.messages import DetectionsEvent

logger = logging.getLogger(__name__)

_READ_AHEAD = 4


async def publish_recording(
    video: Path, output: Output, start_s: float, run: int, publisher: RecordingPublisher
) -> int:
    """Read `video` as fast as the workers take its frames, and publish those that are sampled; how many.

    `start_s` is when the recording began (Unix seconds), `run` its epoch. Raises SourceError, MessageTooLarge.
    """
    seq = 0
    previous: SampledFrame | None = None
    async with aclosing(_frames(video, output, start_s)) as frames:
        async for frame in frames:
            if previous is not None:
                await publisher.publish(previous.jpeg, headers_of(previous, run, seq, 0.0, None))
                seq += 1
            previous = frame
    if previous is None:
        return 0
    await publisher.publish(previous.jpeg, headers_of(previous, run, seq, 0.0, None, final=True))
    return seq + 1


async def _frames(video: Path, output: Output, start_s: float) -> AsyncGenerator[SampledFrame, None]:
    """The sampled frames; the reading thread waits while `_READ_AHEAD` of them are not taken."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[SampledFrame | None] = asyncio.Queue(_READ_AHEAD)

    def sink(frame: SampledFrame) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(frame), loop).result()

    async def read() -> None:
        try:
            await read_in_thread("recording", reader.run)
        finally:
            await queue.put(None)

    reader = Reader(str(video), [output], sink, _Observer(), ReadOptions(media_start=start_s))
    reading = asyncio.create_task(read())
    try:
        while (frame := await queue.get()) is not None:
            yield frame
        await reading
    finally:
        reading.cancel()
        while not reading.done():  # the thread may be waiting for a place in the queue
            while not queue.empty():
                queue.get_nowait()
            await asyncio.wait((reading,), timeout=0.05)
        await end((reading,))


@dataclass(slots=True)
class InOrder:
    """Restores the order of a recording's messages, and knows when all are there. Pure."""

    next_seq: int = 0
    complete: bool = False
    _early: dict[int, DetectionsEvent] = field(default_factory=dict)

    def add(self, event: DetectionsEvent) -> list[DetectionsEvent]:
        """The events that can be given out now that `event` is here."""
        if event.data.frame.seq >= self.next_seq:
            self._early[event.data.frame.seq] = event
        ready = []
        while (following := self._early.pop(self.next_seq, None)) is not None:
            ready.append(following)
            self.next_seq += 1
            self.complete = following.data.frame.final
        return ready


@dataclass(slots=True)
class Summary:
    """What was found in a recording."""

    frames: int = 0
    errors: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    events: Counter[str] = field(default_factory=Counter)
    """By kind."""

    def count(self, event: Event) -> None:
        """One event."""
        self.events[event.type.removeprefix("dev.vedette.").removesuffix(".v1")] += 1

    def add(self, event: DetectionsEvent) -> None:
        """One frame's message."""
        self.frames += 1
        self.errors += event.data.error is not None
        self.labels.update(detection.label for detection in event.data.detections)


class _Observer:
    """A recording neither stalls nor recovers."""

    def on_stream(self, info: StreamInfo) -> None:
        logger.info("%s %sx%s", info.codec, info.width, info.height)

    def on_stalled(self, silent_s: float) -> None:
        logger.warning("no frame for %.0f s", silent_s)

    def on_live(self) -> None:
        logger.debug("frames come")
