"""A site's messages in the hub's streams: which is the latest, and how many there are between two."""

import datetime as dt
import json
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header

from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.site.places import Place, parse_source
from vedette.streams import DETECTIONS

_ANSWER_WITHIN_S = 5.0
_BATCH = 500
_SOURCE = "Nats-Stream-Source"


def subjects_of(stream: str, site: str) -> str:
    """What a site's messages in `DETECTIONS` or `EVENTS` are about."""
    return f"vedette.{'detections' if stream == DETECTIONS else 'events'}.{site}.>"


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest message of a site that the hub has sourced."""

    place: Place
    stored: dt.datetime
    """When the hub stored it."""


async def latest(bus: Bus, stream: str, site: str) -> Latest | None:
    """None: there is none, or the hub has discarded it.

    Raises:
        BusUnavailable: no answer, or no such stream.
    """
    question = json.dumps({"last_by_subj": subjects_of(stream, site)}).encode()
    try:
        answer = await bus.client.request(f"$JS.API.DIRECT.GET.{stream}", question, timeout=_ANSWER_WITHIN_S)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {describe(error)}") from error
    headers = answer.headers or {}
    at_site = None if Header.STATUS.value in headers else parse_source(headers.get(_SOURCE, ""))
    if at_site is None:
        return None
    stored = dt.datetime.fromisoformat(headers["Nats-Time-Stamp"][:19] + "+00:00")
    return Latest(Place(at_site, int(headers["Nats-Sequence"])), stored)


async def stored_between(bus: Bus, stream: str, site: str, after: int, up_to: int) -> int:
    """How many messages of `site` the hub has after its number `after`, up to `up_to`; their headers are read.

    Raises:
        BusUnavailable: no answer, or no such stream.
    """
    consumer = ConsumerConfig(
        filter_subject=subjects_of(stream, site),
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        ack_policy=AckPolicy.NONE,
        headers_only=True,
        mem_storage=True,
        inactive_threshold=30.0,
    )
    try:
        info = await bus.jetstream.add_consumer(stream, consumer)
        reader = await bus.jetstream.pull_subscribe_bind(consumer=info.name, stream=stream)
        try:
            return await _count(reader, up_to, info.num_pending or 0)
        finally:
            await reader.unsubscribe()
            await bus.jetstream.delete_consumer(stream, info.name)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {describe(error)}") from error


async def _count(reader: JetStreamContext.PullSubscription, up_to: int, pending: int) -> int:
    counted = 0
    while pending > 0:
        messages = await reader.fetch(min(_BATCH, pending), timeout=_ANSWER_WITHIN_S)
        wanted = sum(message.metadata.sequence.stream <= up_to for message in messages)
        counted += wanted
        pending = messages[-1].metadata.num_pending
        if wanted < len(messages) or messages[-1].metadata.sequence.stream >= up_to:
            break
    return counted
