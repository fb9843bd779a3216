"""Events that a subscriber gets are typed: the example of the documentation is checked by mypy, and told all kinds."""

import asyncio
from typing import assert_type

import pytest

import vedette
from examples.events import line
from tests.events.sinks.published import covered, entered, publish
from tests.nats_server import NatsServer
from tests.vedette.samples import NOON
from tests.vedette.watching.test_story import STORY, made
from vedette.bus.connection import Bus
from vedette.event_parser import Event
from vedette.object_messages import SCENE_EVENTS, EventData, ObjectState, ObjectUpdate, ZoneEnter, scene_event


async def test_a_subscriber_to_all_events_gets_classes(nats_server: NatsServer, bus: Bus) -> None:
    await publish(bus, entered(1), covered())
    async with asyncio.timeout(60), vedette.subscribe(nats_server.url, "vedette.events.>", durable="typed") as events:
        event = await anext(events)
        assert_type(event, Event)
        assert isinstance(event.data, ZoneEnter)
        assert_type(event.data.object, ObjectState)
        assert_type(event.data.occupancy, int)
        assert event.data == entered(1).data
        assert line(event) == "person 01JDGATE is in yard, the 1. there"
        assert line(await anext(events)) == "the picture of gate is covered"


@pytest.mark.parametrize("kind", SCENE_EVENTS)
def test_the_example_tells_every_kind(kind: str) -> None:
    data: dict[str, EventData] = {name: value for name, value, _ in STORY}
    assert "another version" not in line(scene_event(kind, "01JD/2", NOON, data[kind]))


def test_an_update_says_what_changed() -> None:
    event = scene_event("object.update", "01JD/2", NOON, made(ObjectUpdate, changed=("state", "zones")))
    assert line(event).endswith("has changed: state, zones")
