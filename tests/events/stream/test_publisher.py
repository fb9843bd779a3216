"""Events into the stream of a real server: each once, and none behind one that nobody knew of."""

import pytest

from events.errors import PartitionLost
from events.stream.outgoing import Outgoing
from events.stream.publisher import Publisher, published_since
from events.stream.track import last_of
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.streams import EVENTS
from vedette.subjects import event, events_filter, partition_of

SITE = "plant-1"


def an_event(number: int, camera: str = "gate", revision: int = 0) -> Outgoing:
    return Outgoing(
        f"object/{number}",
        event(SITE, camera, "object.update"),
        events_filter(SITE, camera),
        b"{}",
        camera,
        "object.update",
        "person",
        None,
        revision=revision or number,
    )


async def publisher(bus: Bus) -> Publisher:
    """Of a worker that has just taken the partition over."""
    return Publisher(bus, lambda: True, set(), await last_of(bus, EVENTS))


async def stored(bus: Bus) -> int:
    return int((await bus.jetstream.stream_info(EVENTS)).state.messages)


async def test_what_a_predecessor_published_is_known_with_the_revision_of_each_object(bus: Bus) -> None:
    before = await last_of(bus, EVENTS)
    await (await publisher(bus)).publish([an_event(1), an_event(2), an_event(3)], 0.0)
    published = await published_since(bus, partition_of(SITE, "gate"), before, await last_of(bus, EVENTS))
    assert published.ids == {"object/1", "object/2", "object/3"}
    assert published.revisions == {"object": 3}


async def test_an_event_that_comes_after_the_takeover_ends_it(bus: Bus) -> None:
    predecessor, successor = await publisher(bus), await publisher(bus)
    await predecessor.publish([an_event(1)], 0.0)
    with pytest.raises(PartitionLost, match="came late"):
        await successor.publish([an_event(2)], 0.0)
    assert await stored(bus) == 1


async def test_an_event_that_comes_between_two_of_the_successor_ends_it(bus: Bus) -> None:
    predecessor, successor = await publisher(bus), await publisher(bus)
    await successor.publish([an_event(2)], 0.0)
    await bus.publish_confirmed(an_event(1).subject, b"{}", {}, "object/1")
    with pytest.raises(PartitionLost, match="came late"):
        await successor.publish([an_event(3)], 0.0)
    with pytest.raises(PartitionLost, match="came late"):
        await predecessor.publish([an_event(4)], 0.0)
    assert await stored(bus) == 2


async def test_events_of_other_cameras_are_no_matter(bus: Bus) -> None:
    one, other = await publisher(bus), await publisher(bus)
    for number in range(3):
        await one.publish([an_event(number)], 0.0)
        await other.publish([an_event(10 + number, camera="yard")], 0.0)
    assert await stored(bus) == 6


async def test_an_event_whose_answer_was_lost_is_stored_once(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    really, tries = bus.publish_confirmed, 0

    async def unanswered(*arguments, **options):  # type: ignore[no-untyped-def]
        nonlocal tries
        tries += 1
        answer = await really(*arguments, **options)
        if tries in (1, 3):
            raise BusUnavailable("no answer")
        return answer

    one = await publisher(bus)
    monkeypatch.setattr(bus, "publish_confirmed", unanswered)
    await one.publish([an_event(1), an_event(2), an_event(3)], 0.0)
    assert (tries, await stored(bus)) == (5, 3)


async def test_events_that_are_deleted_meanwhile_are_no_matter(bus: Bus) -> None:
    one = await publisher(bus)
    await one.publish([an_event(1), an_event(2)], 0.0)
    await bus.jetstream.purge_stream(EVENTS)
    await one.publish([an_event(3)], 0.0)
    assert await stored(bus) == 1
