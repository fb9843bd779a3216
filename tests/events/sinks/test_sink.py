"""Webhooks: receivers fail, stall, drip, refuse and come back; no event is lost, and a camera's order is kept."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from events.sinks.dead_letters import DeadLetter, dead_letters
from events.sinks.site_sinks import SiteSinks
from tests.events.sinks.published import covered, entered, publish
from tests.events.sinks.receiver import Receiver, answer, dripping, dropped, receiving, stalled
from tests.gateway.certificates import self_signed
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.streams import EVENTS

FAST = {"first_wait_s": 0.01, "longest_wait_s": 0.05, "timeout_s": 20}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as receiver:
        yield receiver


def config(receiver: Receiver, **settings: Any) -> Config:
    return Config.model_validate({"site": "plant-1", "sinks": {"alarm": {"webhook": receiver.url, **FAST, **settings}}})


@asynccontextmanager
async def delivering(bus: Bus, site: Config, owner: str = "events-1") -> AsyncIterator[SiteSinks]:
    """The sinks of `site` in the hands of a worker."""
    sinks = SiteSinks(bus, site, owner)
    async with background(sinks.run()):
        yield sinks


async def until_reading(bus: Bus, sink: str = "alarm") -> None:
    """What is published from now on is of the sink."""

    async def there() -> bool:
        return any(info.name == f"s-plant-1-{sink}" for info in await bus.jetstream.consumers_info(EVENTS))

    await until_async(there, "the sink has a place in the stream", 120)  # a process may have to start first


async def until_done(bus: Bus, sink: str = "alarm") -> None:
    """All events are acknowledged."""

    async def done() -> bool:
        place = await bus.jetstream.consumer_info(EVENTS, f"s-plant-1-{sink}")
        return (place.num_pending, place.num_ack_pending) == (0, 0)

    await until_async(done, "the sink has got all")


async def letters(bus: Bus) -> list[DeadLetter]:
    return [letter async for letter in dead_letters(bus, "plant-1", "alarm")]


async def test_an_event_is_a_request_that_carries_it_as_it_is(bus: Bus, receiver: Receiver) -> None:
    authorization = "Bearer 0123"
    async with delivering(bus, config(receiver, authorization=authorization)):
        await until_reading(bus)
        await publish(bus, covered())
        await until(lambda: receiver.requests, "it is delivered")
        await until_done(bus)
    (request,) = receiver.requests
    assert request.path == "/hook/t0ken"
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["authorization"] == authorization
    assert request.headers["webhook-id"] == "plant-1/gate/people/7-1/input-change"
    assert "webhook-signature" not in request.headers
    assert request.body == covered().model_dump_json(exclude_none=True).encode()


@pytest.mark.parametrize(
    "failure",
    [answer(500), answer(404), answer(302, Location="http://127.0.0.1:1/"), answer(429, Retry_After="0"), dropped],
    ids=["500", "404", "a redirect", "429", "a dropped connection"],
)
async def test_what_failed_is_sent_again_before_what_came_after_it(bus: Bus, receiver: Receiver, failure: Any) -> None:
    receiver.script.extend([failure, failure])
    async with delivering(bus, config(receiver)):
        await until_reading(bus)
        first, second = await publish(bus, entered(1), entered(2))
        await until_done(bus)
    assert receiver.ids == [first, first, first, second]
    assert {request.path for request in receiver.requests} == {"/hook/t0ken"}


@pytest.mark.parametrize("stuck", [stalled, dripping], ids=["stalls", "drips"])
async def test_a_receiver_without_an_end_is_cut_and_asked_again(bus: Bus, receiver: Receiver, stuck: Any) -> None:
    receiver.script.append(stuck)
    async with delivering(bus, config(receiver, timeout_s=0.5)):
        await until_reading(bus)
        await publish(bus, entered(1))
        await until_done(bus)
    assert len(receiver.requests) >= 2


async def test_of_a_bomb_only_the_status_is_taken(bus: Bus, receiver: Receiver) -> None:
    async def bomb(request: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        while receiver.sent_bytes < 2**30:
            writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
            await writer.drain()
            receiver.sent_bytes += 65536

    receiver.script.append(bomb)
    async with delivering(bus, config(receiver, timeout_s=60)):
        await until_reading(bus)
        await publish(bus, entered(1), entered(2))
        await until_done(bus)
    assert receiver.ids == [entered(1).id, entered(2).id]
    assert receiver.sent_bytes < 64 * 2**20


async def test_a_camera_that_waits_for_its_receiver_keeps_no_other_waiting(bus: Bus, receiver: Receiver) -> None:
    async def by_camera(request: Any, writer: asyncio.StreamWriter) -> None:
        await answer(500 if request.event["data"]["camera"] == "gate" else 202)(request, writer)

    receiver.otherwise = by_camera
    async with delivering(bus, config(receiver, in_flight=2)):
        await until_reading(bus)
        await publish(bus, *(entered(number) for number in (1, 2)))
        others = await publish(bus, *(entered(number, "yard") for number in range(1, 21)))
        await until(lambda: set(others) <= set(receiver.ids), "the other camera's are delivered")
        assert [one for one in receiver.ids if one in others] == others
        assert entered(2).id not in receiver.ids
        receiver.otherwise = answer(202)
        await until_done(bus)
    assert receiver.ids[-1] == entered(2).id


@pytest.mark.parametrize("status", [400, 410, 413, 422])
async def test_what_is_refused_for_ever_is_a_dead_letter_at_once(bus: Bus, receiver: Receiver, status: int) -> None:
    receiver.script.append(answer(status))
    async with delivering(bus, config(receiver)):
        await until_reading(bus)
        first, second = await publish(bus, entered(1), entered(2))
        await until_done(bus)
    assert receiver.ids == [first, second]
    (letter,) = await letters(bus)
    assert (letter.event.id, letter.reason, letter.attempts) == (first, "refused", 1)
    assert letter.last_error == f"answered {status}"
    assert letter.event.payload == entered(1).model_dump_json(exclude_none=True).encode()
    assert letter.event.subject == "vedette.events.plant-1.gate.zone.enter"


@pytest.mark.parametrize(("limit", "reason"), [({"attempts": 3}, "attempts"), ({"give_up_after_h": 1e-9}, "age")])
async def test_what_fails_too_often_or_too_long_is_a_dead_letter(
    bus: Bus, receiver: Receiver, limit: dict[str, Any], reason: str
) -> None:
    receiver.otherwise = answer(503)
    async with delivering(bus, config(receiver, **limit)):
        await until_reading(bus)
        await publish(bus, entered(1))
        await until_done(bus)
    (letter,) = await letters(bus)
    assert (letter.reason, letter.last_error) == (reason, "answered 503")
    assert letter.attempts == len(receiver.requests) == (3 if reason == "attempts" else 1)


async def test_a_receiver_that_asks_for_time_gets_nothing_of_any_camera_in_it(bus: Bus, receiver: Receiver) -> None:
    receiver.script.append(answer(429, Retry_After="3600"))
    async with delivering(bus, config(receiver, in_flight=1)) as sinks:
        await until_reading(bus)
        await publish(bus, entered(1), *(entered(1, f"cam-{number}") for number in range(5)))
        await until(lambda: sinks.waiting.get("alarm") == 6, "all are known to wait")
    assert receiver.ids == [entered(1).id]


async def test_only_what_is_wanted_is_sent(bus: Bus, receiver: Receiver) -> None:
    async with delivering(bus, config(receiver, kinds="zone.*", cameras=["gate"], labels=["person"])):
        await until_reading(bus)
        await publish(
            bus,
            *(covered(), entered(1, label="dog"), entered(2, "yard"), entered(3, clock="media")),
            entered(4),
        )
        await until_done(bus)
    assert receiver.ids == [entered(4).id]


async def test_a_dead_receiver_does_not_delay_another_sink(bus: Bus, receiver: Receiver) -> None:
    settings = {"webhook": receiver.url, **FAST}
    dead = {**settings, "webhook": "http://127.0.0.1:1/"}
    site = Config.model_validate({"site": "plant-1", "sinks": {"alarm": settings, "dead": dead}})
    async with delivering(bus, site) as sinks:
        await until_reading(bus)
        await until_reading(bus, "dead")
        ids = await publish(bus, *(entered(number) for number in range(1, 30)))
        await until_done(bus)
        await until(lambda: sinks.waiting.get("dead") == 29, "those of the dead one wait")
    assert receiver.ids == ids


async def test_after_more_than_can_be_in_hand_all_are_delivered_in_order(bus: Bus, receiver: Receiver) -> None:
    receiver.otherwise = answer(503)
    async with delivering(bus, config(receiver)):
        await until_reading(bus)
        ids = await publish(bus, *(entered(number) for number in range(1, 301)))
        await until(lambda: receiver.requests, "the first is tried")
        place = await bus.jetstream.consumer_info(EVENTS, "s-plant-1-alarm")
        assert (place.num_ack_pending or 0) <= 256
        receiver.otherwise = answer(202)
        failed = len(receiver.requests)
        await until_done(bus)
    # A request that was under way then is the last of those that failed, or the first that did not.
    assert ids in (receiver.ids[failed - 1 :], receiver.ids[failed:], receiver.ids[failed + 1 :])


async def test_a_certificate_is_believed_if_it_is_the_hosts_and_trusted(bus: Bus, tmp_path: Path) -> None:
    good, other = self_signed(tmp_path, "127.0.0.1"), self_signed(tmp_path, "other.example")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(good.pem, good.key)
    async with receiving(Receiver(), served) as receiver:
        url = receiver.url.replace("http://", "https://")
        believed = {"own": {"ca": str(good.pem)}, "any": {"verify": "false"}}
        refused = {"system": {}, "another": {"ca": str(other.pem)}}
        sinks = {
            name: {**FAST, "webhook": f"{url}/{name}", "tls": tls, "attempts": 1 if name in refused else 100}
            for name, tls in {**believed, **refused}.items()
        }
        async with delivering(bus, Config.model_validate({"site": "plant-1", "sinks": sinks})):
            for name in sinks:
                await until_reading(bus, name)
            await publish(bus, entered(1))
            for name in sinks:
                await until_done(bus, name)
    assert {request.path.rpartition("/")[2] for request in receiver.requests} == set(believed)
    for name in refused:
        (letter,) = [letter async for letter in dead_letters(bus, "plant-1", name)]
        assert letter.last_error == "its certificate is not trusted, or not the host's"


async def test_a_second_worker_goes_on_where_the_first_one_was(bus: Bus, receiver: Receiver) -> None:
    receiver.script.extend([answer(202)] * 3)
    receiver.otherwise = answer(503)
    async with delivering(bus, config(receiver)):
        await until_reading(bus)
        ids = await publish(bus, *(entered(number) for number in range(1, 11)))
        await until(lambda: len(receiver.requests) > 4, "three are delivered, and the fourth is not")
    receiver.otherwise = answer(202)
    receiver.requests.clear()
    async with delivering(bus, config(receiver), "events-2"):
        await until_done(bus)
    assert receiver.ids == ids[3:]


async def test_a_server_that_restarts_loses_nothing(nats_server: NatsServer, bus: Bus, receiver: Receiver) -> None:
    async with delivering(bus, config(receiver)):
        await until_reading(bus)
        ids = await publish(bus, *(entered(number) for number in range(1, 21)))
        await until(lambda: len(receiver.requests) > 5, "some are delivered")
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.connected, "the bus is back")
        ids += await publish(bus, *(entered(number) for number in range(21, 31)))
        await until(lambda: set(ids) <= set(receiver.ids), "all are delivered")
        await until_done(bus)
    assert list(dict.fromkeys(receiver.ids)) == ids  # some perhaps twice, but in order
