"""What tests of readers do: publish detections, and take events."""

import asyncio

from tests.vedette.samples import FEED, encoded
from vedette.bus.connection import Bus
from vedette.event_parser import Event
from vedette.messages import Detections, DetectionsEvent
from vedette.subscriber.subscribe import Subscription

DURABLE = "archive"


async def publish(bus: Bus, *events: DetectionsEvent) -> None:
    for event in events:
        await bus.publish_confirmed(FEED.detections, encoded(event), {}, event.id)


async def take(events: Subscription, count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), 90) for _ in range(count)]


def seqs(events: list[Event]) -> list[int]:
    return [event.data.frame.seq for event in events if isinstance(event.data, Detections)]
