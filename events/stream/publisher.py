"""Puts events into their stream: each until it is stored, once, and only while the partition is ours.

What a predecessor published last may reach the stream after the partition has changed hands: nobody could have known
of it, and it would be said again in another way. So each event says which one of its camera it comes after, and the
server refuses it where there is a later one; then the partition is taken over once more, and that one is known.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from events import metrics
from events.errors import PartitionLost, ReaderBroken
from events.objects.published import Published
from events.stream.ordered_reader import OrderedReader
from events.stream.outgoing import Outgoing
from events.stream.track import last_of_subject
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable, Conflict, MessageTooLarge
from vedette.messages import CLOUDEVENT_CONTENT_TYPE
from vedette.retry import Backoff, Retry
from vedette.streams import EVENTS
from vedette.subjects import partition_of
from vedette.tracing.context import HEADER

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0)
_HEADERS = {"Content-Type": CLOUDEVENT_CONTENT_TYPE}
_SILENT_S = 10.0
_MESSAGE_ID = "Nats-Msg-Id"
_AFTER = "Nats-Expected-Last-Subject-Sequence"
_AFTER_OF = "Nats-Expected-Last-Subject-Sequence-Subject"
_REVISION = "Vedette-Revision"
"""Of the object's events: a successor reads headers only."""


class Publisher:
    """One partition's. What is published again within two minutes the server leaves out by its id; what a predecessor
    published before that is known from the stream (`published_since`)."""

    def __init__(self, bus: Bus, is_ours: Callable[[], bool], published: set[str], known: int) -> None:
        """`published`: ids of what a predecessor may have published after its last save. `known`: up to this sequence
        of the stream."""
        self._bus = bus
        self._is_ours = is_ours
        self._published = published
        self._known = known
        self._latest: dict[str, int] = {}
        """Sequence of the latest event by source (one camera's subjects); 0: there is none."""

    async def publish(self, events: Sequence[Outgoing], stored_at_s: float) -> None:
        """Returns when all are stored, in order. `stored_at_s`: when what they follow from was; Unix seconds.

        Raises:
            PartitionLost: the lease is not ours any more, or a predecessor's event came late: some may be stored.
        """
        for event in events:
            if event.id in self._published:
                self._published.discard(event.id)
                metrics.REPEATED.inc()
            else:
                await self._store(event)
                metrics.LAG.observe(max(0.0, time.time() - stored_at_s))

    async def _store(self, event: Outgoing) -> None:
        retry, doubted = Retry(_BACKOFF), False
        while True:
            if not self._is_ours():
                raise PartitionLost("the lease has run out")
            try:
                if doubted or event.source not in self._latest:
                    await self._look_up(event)
                headers = _headers(event, self._latest[event.source])
                stored = await self._bus.publish_confirmed(event.subject, event.payload, headers, event.id)
            except Conflict:  # the latest was deleted, or there is a later one
                doubted = True
                continue
            except _StoredAlready:
                metrics.REPEATED.inc()
                return
            except MessageTooLarge as error:
                logger.error("an event is left out: %s", error)
                return
            except BusUnavailable as error:
                logger.warning("an event waits: %s", error)
                await asyncio.sleep(retry.wait_s(0.0))
                continue
            self._latest[event.source] = stored.seq
            if stored.duplicate:
                metrics.REPEATED.inc()
            else:
                metrics.count_event(event.camera_label, event.kind, event.label, event.place)
            return

    async def _look_up(self, event: Outgoing) -> None:
        """Which is the latest event of the source: raises _StoredAlready where it is this one, whose answer was lost,
        and PartitionLost where it is one that we don't know of."""
        latest = await last_of_subject(self._bus, EVENTS, event.source)
        is_new = latest.sequence > max(self._known, self._latest.get(event.source, 0))
        if is_new and latest.message_id != event.id:
            raise PartitionLost("an event came late")
        self._latest[event.source] = latest.sequence
        if is_new:
            raise _StoredAlready


class _StoredAlready(Exception):
    """The event is in the stream."""


def _headers(event: Outgoing, after: int) -> dict[str, str]:
    headers = {**_HEADERS, _AFTER: str(after), _AFTER_OF: event.source}
    if event.traceparent is not None:
        headers[HEADER] = event.traceparent
    if event.revision:
        headers[_REVISION] = str(event.revision)
    return headers


async def published_since(bus: Bus, partition: int, sequence: int, last: int) -> Published:
    """The partition's events behind `sequence` of the stream, up to `last`, which is there.

    Raises ReaderBroken.
    """
    published = Published()
    if sequence >= last:
        return published
    async with OrderedReader(bus, EVENTS, "vedette.events.>", sequence + 1, headers_only=True) as reader:
        read = sequence
        while read < last:  # not by what the consumer counts as pending: that lags behind the stream
            try:
                async with asyncio.timeout(_SILENT_S):
                    message = await reader.next()
            except TimeoutError as error:
                raise ReaderBroken(f"{EVENTS}: nothing came up to {last}") from error
            read = message.metadata.sequence.stream
            site, camera = message.subject.split(".")[2:4]
            if read <= last and partition_of(site, camera) == partition:
                headers = message.headers or {}
                published.note(headers.get(_MESSAGE_ID, ""), _revision(headers.get(_REVISION, "")))
    return published


def _revision(header: str) -> int:
    """0: there is none."""
    return int(header) if header.isdecimal() and len(header) < 10 else 0
