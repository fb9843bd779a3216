"""The detections of one partition in the order in which they were stored, from a position on, each once.

Read from `TRACK`, which has them by partition but only for a minute, and not over a restart of a lone server; what it
does not hold (any more) is read from `DETECTIONS`, whose sequence is the position. `TRACK` is one unbroken piece of
`DETECTIONS`, so it is enough to look where it begins.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from nats.aio.msg import Msg

from events.errors import DetectionsMissed, ReaderBroken
from events.scenes.camera_scene import SceneKey
from events.stream.ordered_reader import OrderedReader
from events.stream.track import Reach, ensure_track, last_of, origin, reach, where
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable, MalformedMessage
from vedette.retry import Backoff, Retry
from vedette.streams import DETECTIONS, TRACK
from vedette.subjects import partition_of, track_filter

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0, healthy_after_s=5.0)
_SITE, _CAMERA = 2, 3
_SOURCE, _TRACK_SOURCE = slice(2, 5), slice(3, 6)
"""Site, camera and pipeline in the subjects `vedette.detections.…` and `vedette.track.<partition>.…`."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One detections message."""

    position: int
    """Its sequence in `DETECTIONS`."""
    source: SceneKey
    """Whose it is, by its subject."""
    payload: bytes
    stored_at_s: float
    """When the server stored it (in `TRACK`, if it came from there); Unix seconds of the server's clock."""


class PartitionFeed:
    """Gives them out by `arrivals`; `done` says of each that it was taken. `position`: all up to there is done."""

    def __init__(self, bus: Bus, partition: int, position: int) -> None:
        self.position = position
        self.partition = partition
        self.caught_up = False
        """Whether there was nothing more to be read when that was looked at last."""
        self._bus = bus
        self._in_track = False
        self._proven = self.position
        """Up to where it is known that nothing was missed."""

    def done(self, arrival: Arrival) -> None:
        """It was taken, and what followed from it is stored."""
        self.position = arrival.position

    async def arrivals(self) -> AsyncGenerator[Arrival, None]:
        """For ever; `done` comes before the next."""
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                async with aclosing(self._some()) as some:
                    async for arrival in some:
                        yield arrival
            except (ReaderBroken, BusUnavailable) as error:
                self.caught_up = False
                level = logging.WARNING if self._bus.connected else logging.DEBUG
                logger.log(level, "partition %s: %s", self.partition, error)
                await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    def prove(self, held: Reach) -> None:
        """Make sure that all up to `position` was read, knowing what `TRACK` held a moment ago.

        Where nothing is left to be read the position follows the stream, so that a quiet partition doesn't fall back.

        Raises:
            DetectionsMissed: the bus threw some away before they were read. What was saved before is still right.
        """
        if not self._in_track:
            return
        if held.first is not None and held.first > self._proven + 1:
            raise DetectionsMissed(f"partition {self.partition}: too slow, or the bus has too little room for {TRACK}")
        self.caught_up = held.last_of_partition is None or held.last_of_partition <= self.position
        if self.caught_up and held.last is not None:
            self.position = max(self.position, held.last)
        self._proven = self.position

    def _is_ours(self, source: SceneKey) -> bool:
        """At a hub, the events of most sites are made by the sites themselves."""
        local = self._bus.address.local_sites
        return local is None or source.site in local

    async def _some(self) -> AsyncGenerator[Arrival, None]:
        """From whichever stream has what comes next."""
        await ensure_track(self._bus)
        held, last = await reach(self._bus, self.partition), await last_of(self._bus, DETECTIONS)
        if last < self.position:
            logger.warning("partition %s: %s has begun anew", self.partition, DETECTIONS)
            self.position = self._proven = 0
        covered = last <= self.position if held.first is None else held.first <= self.position + 1
        source = self._from_track() if covered else self._from_detections(last)
        async with aclosing(source) as arrivals:
            async for arrival in arrivals:
                yield arrival

    async def _from_track(self) -> AsyncGenerator[Arrival, None]:
        start = await where(self._bus, self.position)  # what is before that would be read to be thrown away
        async with OrderedReader(self._bus, TRACK, track_filter(self.partition), start) as reader:
            if start and await where(self._bus, self.position) != start:
                raise ReaderBroken(f"{TRACK}: was made anew meanwhile")
            self.caught_up = reader.pending_at_start == 0
            self._proven, self._in_track = self.position, True
            try:
                while True:
                    message = await reader.next()
                    position = _origin(message)
                    source = SceneKey(*message.subject.split(".")[_TRACK_SOURCE])
                    if position > self.position and not self._is_ours(source):
                        self.position = position
                    elif position > self.position:
                        yield Arrival(position, source, message.data, message.metadata.timestamp.timestamp())
                    self.caught_up = self.caught_up or message.metadata.num_pending == 0
            finally:
                self._in_track = False

    async def _from_detections(self, last: int) -> AsyncGenerator[Arrival, None]:
        """What is between the position and `last`."""
        logger.info("partition %s: reading %s from %s to %s", self.partition, DETECTIONS, self.position + 1, last)
        async with OrderedReader(self._bus, DETECTIONS, "vedette.detections.>", self.position + 1) as reader:
            left = reader.pending_at_start
            while left > 0:
                message = await reader.next()
                sequence = message.metadata.sequence.stream
                if sequence > last:
                    break
                words = message.subject.split(".")
                ours = self._is_ours(SceneKey(*words[_SOURCE]))
                if ours and partition_of(words[_SITE], words[_CAMERA]) == self.partition:
                    yield Arrival(
                        sequence, SceneKey(*words[_SOURCE]), message.data, message.metadata.timestamp.timestamp()
                    )
                left = message.metadata.num_pending
        self.position = last


def _origin(message: Msg) -> int:
    try:
        return origin(message.headers)
    except MalformedMessage as error:
        logger.error("%s: left out: %s", message.subject, error)
        return 0
