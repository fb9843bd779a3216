"""The latest events, read from the stream EVENTS: of all cameras or one, of all kinds or one, with a label or any.

A stream is read forwards only. So it is asked how many events that fit follow after a place, a place further back each
time, until there are enough; then those are read. Those after the last that is wanted are neither counted nor read.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pydantic_core import from_json

from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.object_messages import SCENE_EVENTS
from vedette.streams import EVENTS
from vedette.subjects import event, events_filter

_FIRST_BACK = 500
_FURTHER = 4
_MOST_READ = 2000
_FETCH, _FETCH_S = 500, 2.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events."""

    camera: str | None = None
    kind: str | None = None
    label: str | None = None
    before: int | None = None
    """Sequence in the stream; None: up to the newest."""
    limit: int = 100

    def subject(self, site: str) -> str:
        """What the server filters by."""
        if self.kind is not None:
            return event(site, self.camera or "*", self.kind)
        return events_filter(site, self.camera or "*")


async def latest_events(bus: Bus, site: str, wanted: Wanted) -> list[dict[str, Any]]:
    """At most `wanted.limit` events, the newest first: `{"seq", "kind", "event"}`. With a label, of the last 2000.

    Raises:
        BusUnavailable: not connected, or no answer.
    """
    try:
        state = (await bus.jetstream.stream_info(EVENTS)).state
        last = state.last_seq if wanted.before is None else min(state.last_seq, wanted.before - 1)
        after = await _count(bus, wanted.subject(site), last + 1) if last < state.last_seq else 0
        enough, back = (_MOST_READ if wanted.label else wanted.limit), _FIRST_BACK
        while True:
            start = max(state.first_seq, last - back + 1, 1)
            async with _consumer(bus, wanted.subject(site), start) as (subscription, pending):
                fit = max(0, pending - after)
                if fit >= enough or start <= max(state.first_seq, 1) or back >= 10**9:
                    found = await _read(subscription, fit, last)
                    fitting = [one for one in found if wanted.label in (None, _label(one["event"]))]
                    return fitting[::-1][: wanted.limit]
            back *= _FURTHER
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"events: {describe(error)}") from error


@asynccontextmanager
async def _consumer(bus: Bus, subject: str, start: int) -> AsyncIterator[tuple[JetStreamContext.PullSubscription, int]]:
    """A consumer of the events from `start` on, and how many there are."""
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=start,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=10.0,
        mem_storage=True,
        num_replicas=1,
    )
    subscription = await bus.jetstream.pull_subscribe(subject, stream=EVENTS, config=config)
    try:
        info = await subscription.consumer_info()
        yield subscription, info.num_pending or 0
    finally:
        with suppress(NatsError, TimeoutError):
            await bus.jetstream.delete_consumer(EVENTS, (await subscription.consumer_info()).name)
        with suppress(NatsError):
            await subscription.unsubscribe()


async def _count(bus: Bus, subject: str, start: int) -> int:
    async with _consumer(bus, subject, start) as (_, pending):
        return pending


async def _read(subscription: JetStreamContext.PullSubscription, fit: int, last: int) -> list[dict[str, Any]]:
    """The next `fit` events, up to the one of the sequence `last`."""
    found: list[dict[str, Any]] = []
    for begin in range(0, fit, _FETCH):
        try:
            messages = await subscription.fetch(min(_FETCH, fit - begin), timeout=_FETCH_S)
        except (TimeoutError, NatsTimeout):
            break  # retention has removed the rest
        for message in messages:
            seq, kind = message.metadata.sequence.stream, ".".join(message.subject.split(".")[4:])
            if seq <= last and kind in SCENE_EVENTS:
                found.append({"seq": seq, "kind": kind, "event": from_json(message.data)})
        await asyncio.sleep(0)
        del found[:-_MOST_READ]
    return found


def _label(read: Any) -> str | None:
    """Of the object that an event is about."""
    label = read.get("data", {}).get("object", {}).get("label")
    return label if isinstance(label, str) else None
