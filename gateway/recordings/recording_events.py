"""The events of a recording: read from their stream when an events worker has had all of its detections."""

import asyncio
import json
import logging
from time import monotonic

from nats.errors import Error as NatsError
from nats.js.api import DeliverPolicy
from nats.js.errors import KeyNotFoundError, NotFoundError

from gateway.errors import GatewayError
from vedette.buckets import SCENES, scenes_key
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable, MalformedMessage
from vedette.event_parser import Event, parse_event
from vedette.streams import DETECTIONS, EVENTS
from vedette.subjects import Feed, events_filter, partition_of

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_MESSAGE_WITHIN_S = 5.0


async def recording_events(bus: Bus, feed: Feed, within_s: float) -> list[Event]:
    """All events of a recording whose detections are all stored, in order.

    Raises:
        GatewayError: no events worker has had them in time.
        BusUnavailable: the server doesn't answer.
    """
    deadline_s = monotonic() + within_s
    while not await _taken(bus, feed):
        if monotonic() > deadline_s:
            raise GatewayError(f"no events of {feed.camera} in {within_s:.0f} s: does an events worker run?")
        await asyncio.sleep(_LOOK_EVERY_S)
    try:
        return await _stored(bus, events_filter(feed.site, feed.camera))
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{EVENTS}: {describe(error)}") from error


async def _taken(bus: Bus, feed: Feed) -> bool:
    """Whether a worker has saved that all of the recording's detections are in its scenes, and their events stored."""
    try:
        last = await bus.jetstream.get_last_msg(DETECTIONS, feed.detections)
        entry = await (await bus.bucket(SCENES)).get(scenes_key(partition_of(feed.site, feed.camera)))
        position = json.loads(entry.value or b"{}").get("position")
    except (KeyNotFoundError, NotFoundError):
        return False
    except (NatsError, TimeoutError) as error:
        logger.debug("how far the events are: %s", describe(error))
        return False
    return position is not None and position >= (last.seq or 0)


async def _stored(bus: Bus, subject: str) -> list[Event]:
    subjects = (await bus.jetstream.stream_info(EVENTS, subjects_filter=subject)).state.subjects or {}
    subscription = await bus.jetstream.subscribe(
        subject, stream=EVENTS, ordered_consumer=True, deliver_policy=DeliverPolicy.ALL
    )
    try:
        messages = [await subscription.next_msg(_MESSAGE_WITHIN_S) for _ in range(sum(subjects.values()))]
    finally:
        await subscription.unsubscribe()
    found = []
    for message in messages:
        try:
            found.append(parse_event(message.data))
        except MalformedMessage as error:
            logger.warning("%s: left out: %s", message.subject, error)
    return found
