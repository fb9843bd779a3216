"""An intake that stops, is cancelled, or loses its server: its messages go to others at once."""

import asyncio
import contextlib
import time
from functools import partial

import pytest
from nats.aio.msg import Msg

from inference.stream.intake import Intake
from inference.stream.room import Place, Room
from tests.inference.stream.pulling import Desk, Plane, offer, pulling, waiting_requests
from tests.inference.worker import pending
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette import consumers
from vedette.bus.connection import Bus, connect
from vedette.consumers import work_consumer
from vedette.streams import WORK


async def test_stop_finishes_what_is_in_hand(bus: Bus) -> None:
    desk = Desk()
    async with pulling(bus, desk.serve) as intake:
        await offer(bus, *range(10))
        await until(lambda: len(desk.in_hand) == 4, "the hands are full")
        intake.stop()
        desk.may_go.set()
    assert len(desk.done) == 4
    assert await pending(bus, WORK, "w-people") == (6, 0)


async def test_what_a_stopped_worker_had_asked_for_goes_to_another_at_once(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the acknowledgement wait is over: here it is an hour."""
    monkeypatch.setattr(consumers, "ACK_WAIT_S", 3600.0)
    first, second = Desk(), Desk()
    first.may_go.set()
    second.may_go.set()
    async with await connect(nats_server.address, "other") as other, pulling(other, second.serve):
        for attempt in range(20):
            async with pulling(bus, first.serve) as leaving:
                offering = asyncio.create_task(offer(bus, *range(10 * attempt, 10 * attempt + 10)))
                leaving.stop()
                await offering
            await until(partial(have_served, 10 * attempt + 10, first, second), "all are served")


def have_served(count: int, *desks: Desk) -> bool:
    return sum(len(desk.done) for desk in desks) == count


async def test_what_arrives_after_a_stop_is_given_back(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "ACK_WAIT_S", 3600.0)
    first, second = Desk(), Desk()
    second.may_go.set()
    async with pulling(bus, first.serve) as leaving:
        await until_async(lambda: waiting_requests(bus), "a request waits")
        leaving._stopping = True  # as by `stop`, but the server does not know yet
        await offer(bus, *range(4))
        async with await connect(nats_server.address, "other") as other, pulling(other, second.serve):
            await until(lambda: len(second.done) == 4, "the other serves them")
    assert first.most == 0


async def test_cancelled_it_leaves_and_its_messages_with_it(bus: Bus) -> None:
    cancelled = []

    async def serve(message: Msg, place: Place) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(message.subject)
            raise

    intake = Intake(bus, WORK, work_consumer("people"), Room(Plane()), serve)
    task = asyncio.create_task(intake.run())
    await until(lambda: intake.ready, "ready")
    await offer(bus, *range(10))
    await until_async(lambda: hands_are_full(bus), "the hands are full")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert len(cancelled) == 4
    assert await waiting_requests(bus) == 0


async def hands_are_full(bus: Bus) -> bool:
    return (await pending(bus, WORK, "w-people"))[1] == 4


async def test_stop_is_quick_while_the_server_is_away(bus: Bus, nats_server: NatsServer) -> None:
    async with pulling(bus, Desk().serve) as intake:
        nats_server.kill()
        await until(lambda: not bus.connected, "disconnected")
        started = time.monotonic()
        intake.stop()
    assert time.monotonic() - started < 5  # the library would wait for 10 s
