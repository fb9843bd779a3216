import asyncio

import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from inference.stream.tokens import Tokens, feed_of
from tests.inference.worker import Camera, pending, stored
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.consumers import work_consumer
from vedette.errors import MalformedMessage
from vedette.messages import Served
from vedette.streams import WORK
from vedette.subjects import Feed

SHORT_S = 0.4


@pytest.fixture
async def work(bus: Bus) -> JetStreamContext.PullSubscription:
    """The real consumer, but one that waits less for an acknowledgement."""
    consumer = work_consumer("people").evolve(ack_wait=SHORT_S)
    await bus.jetstream.add_consumer(WORK, consumer)
    return await bus.jetstream.pull_subscribe_bind("w-people", WORK)


async def token(bus: Bus, work: JetStreamContext.PullSubscription) -> Msg:
    await Camera(bus).offer()
    return (await work.fetch(1, timeout=2))[0]


async def no_other_delivery(work: JetStreamContext.PullSubscription, within_s: float) -> None:
    with pytest.raises(TimeoutError):
        await work.fetch(1, timeout=within_s)


async def test_what_is_held_is_kept_alive_and_what_is_confirmed_is_gone(
    bus: Bus, work: JetStreamContext.PullSubscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.stream.tokens._PROGRESS_EVERY_S", SHORT_S / 4)
    tokens = Tokens(bus)
    message = await token(bus, work)
    async with background(tokens.keep_alive()):
        async with tokens.held(message):
            await no_other_delivery(work, within_s=3 * SHORT_S)
            assert await tokens.confirm(message)
        assert await stored(bus, WORK) == 0


async def test_what_is_given_back_comes_again_at_once(bus: Bus, work: JetStreamContext.PullSubscription) -> None:
    tokens = Tokens(bus)
    message = await token(bus, work)
    async with asyncio.timeout(SHORT_S), tokens.held(message):
        await tokens.give_back(message)
        again = (await work.fetch(1, timeout=SHORT_S))[0]
    assert again.metadata.num_delivered == 2


async def test_a_cancelled_holder_gives_back(bus: Bus, work: JetStreamContext.PullSubscription) -> None:
    tokens = Tokens(bus)
    message = await token(bus, work)
    holding = asyncio.Event()

    async def hold() -> None:
        async with tokens.held(message):
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await holding.wait()
    task.cancel()
    assert await work.fetch(1, timeout=SHORT_S / 2)
    assert task.cancelled()


async def test_what_fails_while_it_is_held_comes_again_only_after_the_acknowledgement_wait(
    bus: Bus, work: JetStreamContext.PullSubscription
) -> None:
    tokens = Tokens(bus)
    message = await token(bus, work)
    async with background(tokens.keep_alive()):
        with pytest.raises(ValueError, match="a defect"):
            async with tokens.held(message):
                raise ValueError("a defect")
        await no_other_delivery(work, within_s=SHORT_S / 4)
        assert await work.fetch(1, timeout=4 * SHORT_S)


async def test_without_a_server_nothing_raises_and_nothing_is_confirmed(
    bus: Bus, work: JetStreamContext.PullSubscription, nats_server: NatsServer
) -> None:
    tokens = Tokens(bus)
    message = await token(bus, work)
    nats_server.kill()
    await until(lambda: not bus.client.is_connected, "disconnected")
    async with tokens.held(message):
        await tokens.give_back(message)
    assert not await tokens.confirm(message)
    await tokens.tell_served(Camera(bus).feed, Served(epoch=1, seq=1, outcome="inferred"))


async def test_a_token_of_a_consumer_that_is_gone_is_not_confirmed(
    bus: Bus, work: JetStreamContext.PullSubscription
) -> None:
    tokens = Tokens(bus)
    message = await token(bus, work)
    await until_async(lambda: in_hand(bus), "delivered")
    await bus.jetstream.delete_stream(WORK)
    assert not await tokens.confirm(message)


async def in_hand(bus: Bus) -> bool:
    return (await pending(bus, WORK, "w-people"))[1] == 1


def test_a_feed_is_read_from_the_subject() -> None:
    assert feed_of(Msg(None, subject="vedette.work.people.plant-1.gate")) == Feed("people", "plant-1", "gate")  # type: ignore[arg-type]


@pytest.mark.parametrize("subject", ["vedette.work.people.gate", "vedette.work.people.Plant.gate"])
def test_a_subject_that_names_no_site_is_malformed(subject: str) -> None:
    with pytest.raises(MalformedMessage):
        feed_of(Msg(None, subject=subject))  # type: ignore[arg-type]
