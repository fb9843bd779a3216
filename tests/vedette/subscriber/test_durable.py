"""Durable readers with a real server: what they acknowledge, and what crashes cost them."""

import asyncio

import vedette
from tests.nats_server import NatsServer
from tests.vedette.reading import DURABLE, publish, seqs, take
from tests.vedette.samples import FEED, detections, encoded
from tests.waiting import until, until_async
from vedette.background import end
from vedette.bus.connection import Bus


async def pending(bus: Bus) -> tuple[int, int]:
    """Delivered and not acknowledged, and not delivered yet."""
    info = await bus.jetstream.consumer_info("DETECTIONS", DURABLE)
    return info.num_ack_pending or 0, info.num_pending or 0


async def all_acknowledged(bus: Bus) -> bool:
    return await pending(bus) == (0, 0)


async def test_a_durable_reader_gets_what_came_before_and_goes_on_where_it_stopped(
    nats_server: NatsServer, bus: Bus
) -> None:
    await publish(bus, *(detections(seq) for seq in range(200)))
    async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
        assert seqs(await take(events, 100)) == list(range(100))
    await publish(bus, detections(200))
    async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
        rest = seqs(await take(events, 102))
    # The last one of the first reader was never followed by another `anext`: it is delivered again.
    assert sorted(rest) == list(range(99, 201))


async def test_an_event_is_acknowledged_when_the_next_is_asked_for(nats_server: NatsServer, bus: Bus) -> None:
    await publish(bus, detections(0))
    async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
        await take(events, 1)
        assert await pending(bus) == (1, 0)
        asking = asyncio.create_task(anext(events))
        await until_async(lambda: all_acknowledged(bus), "all is acknowledged")
        await publish(bus, detections(1))
        assert seqs([await asking]) == [1]


async def test_a_durable_readers_place_is_forgotten_after_the_time_it_asks_for(
    nats_server: NatsServer, bus: Bus
) -> None:
    async with vedette.subscribe(nats_server.url, durable=DURABLE, forget_after_s=600):
        info = await bus.jetstream.consumer_info("DETECTIONS", DURABLE)
        assert info.config.inactive_threshold == 600


async def test_a_durable_reader_survives_crashes_of_the_server_without_loss_or_doubles(
    nats_server: NatsServer, bus: Bus
) -> None:
    received: list[int] = []

    async def read() -> None:
        async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
            async for event in events:
                received.extend(seqs([event]))

    reading = asyncio.create_task(read())
    for round_ in range(3):
        await publish(bus, *(detections(seq) for seq in range(100 * round_, 100 * round_ + 100)))
        await until(lambda least=100 * round_ + 1: len(received) > least, "some arrived")  # type: ignore[misc]
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.connected, "the bus is back")
    await publish(bus, detections(300))
    await until(lambda: len(received) >= 301, "all arrived")
    await end([reading])
    assert sorted(received) == list(range(301))


async def test_a_waiting_durable_reader_hears_of_an_event_soon_after_a_restart(
    nats_server: NatsServer, bus: Bus
) -> None:
    async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
        reading = asyncio.create_task(anext(events))
        await until_async(lambda: is_waiting(bus), "the reader has asked")
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.connected, "the bus is back")
        await publish(bus, detections(0))
        assert seqs([await asyncio.wait_for(reading, 90)]) == [0]


async def is_waiting(bus: Bus) -> bool:
    return bool((await bus.jetstream.consumer_info("DETECTIONS", DURABLE)).num_waiting)


async def test_a_deleted_consumer_is_made_again(nats_server: NatsServer, bus: Bus) -> None:
    async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
        reading = asyncio.create_task(anext(events))
        await until_async(lambda: is_waiting(bus), "the reader has asked")
        await bus.jetstream.delete_consumer("DETECTIONS", DURABLE)
        await publish(bus, detections(0))
        assert seqs([await asyncio.wait_for(reading, 90)]) == [0]


async def test_rubbish_does_not_stay_with_a_durable_reader(nats_server: NatsServer, bus: Bus) -> None:
    await bus.publish_confirmed(FEED.detections, b"rubbish", {})
    await publish(bus, detections(0), detections(0, epoch=8), detections(1))
    async with vedette.subscribe(nats_server.url, durable=DURABLE) as events:
        await take(events, 2)
        asking = asyncio.create_task(anext(events))
        await until_async(lambda: all_acknowledged(bus), "all is acknowledged")
        assert (events.malformed, events.superseded) == (1, 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_filter_takes_only_its_cameras(nats_server: NatsServer, bus: Bus) -> None:
    await publish(bus, detections(0))
    await bus.publish_confirmed("vedette.detections.plant-1.yard.people", encoded(detections(1, camera="yard")), {})
    subject = "vedette.detections.*.yard.*"
    async with vedette.subscribe(nats_server.url, subject, durable=DURABLE) as events:
        assert seqs(await take(events, 1)) == [1]
