"""Pulling from a real work queue: never more than there is room for, whatever happens to the server."""

import asyncio
import logging

import pytest
from nats.aio.msg import Msg

from inference import metrics
from inference.stream import intake as intake_module
from inference.stream.intake import Intake
from inference.stream.room import Place, Room
from tests.inference.stream.pulling import Desk, Plane, offer, pulling, waiting_requests
from tests.inference.worker import pending
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.consumers import work_consumer
from vedette.streams import WORK


async def test_it_never_pulls_more_than_its_capacity(bus: Bus) -> None:
    desk = Desk()
    async with pulling(bus, desk.serve):
        await offer(bus, *range(30))
        await until(lambda: len(desk.in_hand) == 4, "the hands are full")
        assert await pending(bus, WORK, "w-people") == (26, 4)
        desk.may_go.set()
        await until(lambda: len(desk.done) == 30, "all are served")
    assert desk.most == 4


async def test_a_place_is_filled_as_soon_as_one_message_is_done(bus: Bus) -> None:
    """The others that came with it may take longer."""
    slow, seen = asyncio.Event(), []

    async def serve(message: Msg, place: Place) -> None:
        seen.append(message.subject)
        if message.subject.endswith("cam-0"):
            await slow.wait()
        await message.ack_sync()

    async with pulling(bus, serve):
        await offer(bus, *range(30))
        await until(lambda: len(seen) == 30, "the others go on beside the slow one")
        slow.set()


async def test_a_message_whose_result_is_being_stored_makes_room_for_another_but_not_without_end(bus: Bus) -> None:
    in_hand, stored = [], asyncio.Event()

    async def serve(message: Msg, place: Place) -> None:
        in_hand.append(message.subject)
        place.inferred()
        await stored.wait()
        await message.ack_sync()

    room = Room(Plane(4))
    async with pulling(bus, serve, room):
        await offer(bus, *range(30))
        await until(lambda: room.in_hand == 8, "twice the capacity")
        assert await pending(bus, WORK, "w-people") == (22, 8)
        stored.set()
        await until(lambda: len(in_hand) == 30, "all are served")


async def test_it_follows_a_capacity_that_changes(bus: Bus) -> None:
    desk, plane = Desk(), Plane(2)
    async with pulling(bus, desk.serve, Room(plane)):
        await offer(bus, *range(20))
        await until(lambda: len(desk.in_hand) == 2, "two in hand")
        plane.capacity = 6
        await until(lambda: len(desk.in_hand) == 6, "six in hand")
        plane.capacity = 0
        desk.may_go.set()
        await until(lambda: not desk.in_hand, "none in hand")
        assert await pending(bus, WORK, "w-people") == (14, 0)
        plane.capacity = 1
        await until(lambda: len(desk.done) == 20, "all are served", deadline_s=25)


async def test_what_fails_is_counted_and_comes_again_and_the_others_are_not_lost(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    desk, before = Desk(), metrics.SERVING_FAILURES.labels(WORK)._value.get()
    desk.failing = {"cam-1"}
    desk.may_go.set()
    async with pulling(bus, desk.serve):
        await offer(bus, *range(6))
        await until(lambda: len(desk.done) == 5, "the others are served")
        desk.failing.clear()
        await until(lambda: len(desk.done) == 6, "it came again")
    assert caplog.text.count("no luck with cam-1") == 1
    assert metrics.SERVING_FAILURES.labels(WORK)._value.get() == before + 1


async def test_it_pulls_again_after_the_server_was_killed_and_restarted(bus: Bus, nats_server: NatsServer) -> None:
    desk = Desk()
    desk.may_go.set()
    async with pulling(bus, desk.serve):
        await offer(bus, 0)
        await until(lambda: len(desk.done) == 1, "served")
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.client.stats["reconnects"] and bus.connected, "connected again")
        await offer(bus, *range(10))
        await until(lambda: len(desk.done) == 11, "served after the restart")


async def test_it_pulls_again_after_its_consumer_was_deleted(bus: Bus) -> None:
    desk = Desk()
    desk.may_go.set()
    async with pulling(bus, desk.serve):
        await until_async(lambda: waiting_requests(bus), "a request waits")
        await bus.jetstream.delete_consumer(WORK, "w-people")
        await offer(bus, *range(10))
        await until(lambda: len(desk.done) == 10, "served by a new consumer")


async def test_it_pulls_again_after_its_stream_was_deleted(bus: Bus) -> None:
    desk = Desk()
    desk.may_go.set()
    async with pulling(bus, desk.serve):
        await bus.jetstream.delete_stream(WORK)
        await bus.ensure()

        async def served() -> bool:
            await offer(bus, *range(10))  # again and again, as with new frames: a token lasts 5 s
            return len(set(desk.done)) == 10

        await until_async(served, "served from a new stream")


async def test_a_request_whose_end_is_not_told_is_made_anew(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "_EXPIRES_S", 0.1)
    monkeypatch.setattr(intake_module, "_LOST_AFTER_S", 0.3)
    desk = Desk()
    desk.may_go.set()
    monkeypatch.setattr(Intake, "_over", lambda *_: None)  # as if every status were lost
    async with pulling(bus, desk.serve):
        await until_async(lambda: waiting_requests(bus), "a request waits")
        await until_async(lambda: none_waits(bus), "it ran out")
        await offer(bus, *range(5))
        await until(lambda: len(desk.done) == 5, "served by later requests")
    assert desk.most <= 4


async def none_waits(bus: Bus) -> bool:
    return await waiting_requests(bus) == 0


async def test_expired_requests_are_renewed_without_asking_for_more_than_there_is_room_for(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_EXPIRES_S", 0.05)
    desk = Desk()
    async with pulling(bus, desk.serve) as intake:
        await offer(bus, 0)
        await until(lambda: intake._requests_made > 10, "many requests ran out")
        await offer(bus, *range(1, 20))
        await until(lambda: len(desk.in_hand) == 4, "the hands are full")
        made = intake._requests_made
        desk.may_go.set()
        await until(lambda: len(desk.done) == 20, "all are served")
        assert made > 10
    assert desk.most == 4


async def test_too_many_requests_are_no_busy_loop(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await bus.jetstream.add_consumer(WORK, work_consumer("people").evolve(max_waiting=1))
    first, second = Desk(), Desk()
    first.may_go.set()
    second.may_go.set()
    with pytest.MonkeyPatch.context() as patch:

        async def as_it_is(*_: object) -> None:
            """The consumer stays as the test made it."""

        patch.setattr(intake_module, "ensure_consumer", as_it_is)
        async with pulling(bus, first.serve), pulling(bus, second.serve) as refused:
            await until(lambda: "too many requests wait" in caplog.text, "refused")
            await offer(bus, *range(10))
            await until(lambda: len(first.done) + len(second.done) == 10, "all are served")
            assert refused._requests_made < 20


async def test_pipelines_share_the_room_of_their_lane(bus: Bus) -> None:
    room, one, two = Room(Plane(4)), Desk(), Desk()
    async with pulling(bus, one.serve, room), pulling(bus, two.serve, room, "others"):
        await offer(bus, *range(20))
        await offer(bus, *range(20), pipeline="others")
        await until(lambda: room.in_hand >= 4, "the hands are full")
        assert len(one.in_hand) + len(two.in_hand) < 8
        one.may_go.set()
        two.may_go.set()
        await until(lambda: len(one.done) == len(two.done) == 20, "all are served")


async def test_one_busy_pipeline_has_all_the_room(bus: Bus) -> None:
    room, busy = Room(Plane(6)), Desk()
    async with (
        pulling(bus, busy.serve, room),
        pulling(bus, Desk().serve, room, "idle"),
        pulling(bus, Desk().serve, room, "idle-too"),
    ):
        await offer(bus, *range(20))
        await until(lambda: len(busy.in_hand) == 6, "all the room is in use")
        busy.may_go.set()
        await until(lambda: len(busy.done) == 20, "all are served")
    assert busy.most == 6
