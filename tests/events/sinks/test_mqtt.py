"""MQTT brokers as sinks: a nats-server as a real one, and one that does what a real one does seldom."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from events.sinks.dead_letters import dead_letters
from events.sinks.receivers import receiver_of
from events.sinks.verdict import Outcome
from tests.events.sinks.broker import (
    GONE,
    NOT_AUTHORIZED,
    NOTHING,
    TOPIC_INVALID,
    UNSUPPORTED_VERSION,
    Broker,
    answering,
)
from tests.events.sinks.published import entered, publish
from tests.events.sinks.test_sink import delivering, letters, until_done, until_reading
from tests.free_ports import free_port
from tests.gateway.certificates import self_signed
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.streams import EVENTS

TOPIC = "vedette/plant-1/gate/zone/enter"
FAST = {"first_wait_s": 0.01, "longest_wait_s": 0.05, "timeout_s": 20}
PASSWORD, ENCODED = "p@ss/w0rd", "p%40ss%2Fw0rd"
SERVER = """
server_name: broker
authorization {{ users: [{{user: vedette, password: "{password}"}}] }}
mqtt {{
  listen: "127.0.0.1:{port}"
  {tls}
}}
"""


def config(url: str, **settings: Any) -> Config:
    return Config.model_validate({"site": "plant-1", "sinks": {"alarm": {"url": url, **FAST, **settings}}})


class RealBroker:
    """A nats-server with nothing but MQTT for us; whoever asks later gets what it has kept."""

    def __init__(self, folder: Path, tls: str = "") -> None:
        self.port = free_port()
        folder.mkdir()
        file = folder / "server.conf"
        file.write_text(SERVER.format(port=self.port, password=PASSWORD, tls=tls))
        self.server = NatsServer(folder, "-c", str(file))

    def url(self, scheme: str = "mqtt", password: str = ENCODED) -> str:
        return f"{scheme}://vedette:{password}@127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(broker: RealBroker) -> AsyncIterator[RealBroker]:
    await asyncio.to_thread(broker.server.start)
    try:
        yield broker
    finally:
        await asyncio.to_thread(broker.server.close)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealBroker]:
    async with serving(RealBroker(tmp_path / "broker")) as broker:
        yield broker


@pytest.fixture
async def scripted() -> AsyncIterator[Broker]:
    async with answering(Broker()) as broker:
        yield broker


class Subscriber:
    """Reads from a broker what comes, and, as its session lasts, what came while it was away."""

    def __init__(self, port: int) -> None:
        self.messages: list[mqtt.MQTTMessage] = []
        self.subscribed = False
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="reader", clean_session=False, protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set("vedette", PASSWORD)
        self._client.on_message = lambda client, data, message: self.messages.append(message)
        self._client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self._client.on_connect = lambda client, *_: client.subscribe("vedette/#", 1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    @property
    def ids(self) -> list[str]:
        return [json.loads(message.payload)["id"] for message in self.messages]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def reading(port: int) -> Iterator[Subscriber]:
    subscriber = Subscriber(port)
    try:
        yield subscriber
    finally:
        subscriber.close()


async def test_an_event_comes_under_its_topic_as_it_is_and_is_done_when_acknowledged(
    bus: Bus, real: RealBroker
) -> None:
    with reading(real.port) as subscriber:
        await until(lambda: subscriber.subscribed, "the subscription")
        async with delivering(bus, config(real.url())):
            await until_reading(bus)
            ids = await publish(bus, *(entered(number) for number in range(1, 21)))
            await until_done(bus)
            await until(lambda: len(subscriber.messages) == 20, "all come")
    assert subscriber.ids == ids
    first = subscriber.messages[0]
    assert (first.topic, first.qos) == (TOPIC, 1)
    assert first.payload == entered(1).model_dump_json(exclude_none=True).encode()


async def test_a_broker_that_was_away_gets_all_in_order(bus: Bus, real: RealBroker) -> None:
    with reading(real.port) as subscriber:
        await until(lambda: subscriber.subscribed, "the subscription")
        async with delivering(bus, config(real.url())):
            await until_reading(bus)
            ids = await publish(bus, *(entered(number) for number in range(1, 11)))
            await until(lambda: len(subscriber.messages) > 2, "some come")
            await asyncio.to_thread(real.server.kill)
            ids += await publish(bus, *(entered(number) for number in range(11, 31)))
            await asyncio.to_thread(real.server.start)
            await until_done(bus)
            await until(lambda: set(subscriber.ids) == set(ids), "all come", 120)
        assert list(dict.fromkeys(subscriber.ids)) == ids  # some perhaps twice, but in order
    assert await letters(bus) == []


async def test_a_wrong_password_is_said_without_it_and_mended_without_loss(
    bus: Bus, real: RealBroker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), reading(real.port) as subscriber:
        await until(lambda: subscriber.subscribed, "the subscription")
        async with delivering(bus, config(real.url(password="wr0ng"))):
            await until_reading(bus)
            ids = await publish(bus, entered(1))
            await until(lambda: "refused the connection" in caplog.text, lambda: caplog.text)
        async with delivering(bus, config(real.url())):
            await until_done(bus)
            await until(lambda: subscriber.ids == ids, "it comes")
    assert "Not authorized; its events wait" in caplog.text.replace("Bad user name or password", "Not authorized")
    assert f"mqtt://***@127.0.0.1:{real.port} " in caplog.text
    assert "wr0ng" not in caplog.text


async def test_a_certificate_is_believed_if_it_is_the_hosts_and_trusted(bus: Bus, tmp_path: Path) -> None:
    good, other = self_signed(tmp_path, "127.0.0.1"), self_signed(tmp_path, "other.example")
    broker = RealBroker(tmp_path / "broker", f'tls {{ cert_file: "{good.pem}", key_file: "{good.key}" }}')
    believed: dict[str, Any] = {"own": {"ca": str(good.pem)}, "any": {"verify": "false"}}
    refused: dict[str, Any] = {"system": {}, "another": {"ca": str(other.pem)}}
    sinks = {
        name: {**FAST, "url": broker.url("mqtts"), "tls": tls, "attempts": 1 if name in refused else 100}
        for name, tls in {**believed, **refused}.items()
    }
    site = Config.model_validate({"site": "plant-1", "sinks": sinks})
    async with serving(broker), delivering(bus, site):
        for name in sinks:
            await until_reading(bus, name)
        await publish(bus, entered(1))
        for name in sinks:
            await until_done(bus, name)
    dead = {name: [letter async for letter in dead_letters(bus, "plant-1", name)] for name in sinks}
    assert {name for name, found in dead.items() if found} == set(refused)
    for name in refused:
        assert dead[name][0].last_error == "its certificate is not trusted, or not the host's"


@pytest.mark.parametrize(
    "failure", [NOT_AUTHORIZED, GONE, NOTHING], ids=["refused to the publisher", "no connection", "no answer"]
)
async def test_what_is_not_acknowledged_is_sent_again_before_what_came_after_it(
    bus: Bus, scripted: Broker, failure: int
) -> None:
    scripted.script.extend([failure, failure])
    site = config(
        f"mqtt://127.0.0.1:{scripted.port}", topic="{verb}/{camera}", timeout_s=1 if failure == NOTHING else 20
    )
    async with delivering(bus, site):
        await until_reading(bus)
        first, second = await publish(bus, entered(1), entered(2))
        await until_done(bus)
    assert [first.encode() in body for _, body in scripted.published[:3]] == [True] * 3
    assert second.encode() in scripted.published[-1][1]
    assert set(scripted.topics) == {"enter/gate"}
    assert b"application/cloudevents+json" in scripted.published[0][1]


async def test_while_the_broker_does_not_acknowledge_the_stream_keeps_the_event(bus: Bus, scripted: Broker) -> None:
    scripted.script.append(NOTHING)
    async with delivering(bus, config(f"mqtt://127.0.0.1:{scripted.port}")):
        await until_reading(bus)
        await publish(bus, entered(1))
        await until(lambda: scripted.published, "it is sent")
        place = await bus.jetstream.consumer_info(EVENTS, "s-plant-1-alarm")
        assert place.num_ack_pending == 1


async def test_what_the_broker_would_never_take_is_a_dead_letter_that_can_be_replayed(
    bus: Bus, scripted: Broker
) -> None:
    scripted.script.append(TOPIC_INVALID)
    site = config(f"mqtt://127.0.0.1:{scripted.port}")
    async with delivering(bus, site):
        await until_reading(bus)
        first, second = await publish(bus, entered(1), entered(2))
        await until_done(bus)
    (letter,) = await letters(bus)
    assert (letter.event.id, letter.reason, letter.last_error) == (first, "refused", "answered Topic name invalid")
    async with receiver_of(site.sinks["alarm"]) as receiver:
        assert (await receiver.send(letter.event)).outcome is Outcome.DELIVERED
    assert [first.encode() in body for _, body in scripted.published] == [True, False, True]
    assert second.encode() in scripted.published[1][1]


async def test_what_is_larger_than_the_broker_takes_is_not_sent(bus: Bus, scripted: Broker) -> None:
    scripted.largest_bytes = 300
    async with delivering(bus, config(f"mqtt://127.0.0.1:{scripted.port}")):
        await until_reading(bus)
        await publish(bus, entered(1))
        await until_done(bus)
    (letter,) = await letters(bus)
    assert (letter.reason, letter.last_error) == ("refused", "takes no more than 300 bytes")
    assert scripted.published == []


@pytest.mark.parametrize(
    ("answers", "versions"), [([UNSUPPORTED_VERSION], [5, 4]), ([GONE], [5, 4])], ids=["says so", "goes"]
)
async def test_a_broker_that_does_not_know_mqtt_5_is_spoken_to_in_3_1_1(
    bus: Bus, scripted: Broker, answers: list[int], versions: list[int]
) -> None:
    scripted.connecting.extend(answers)
    async with delivering(bus, config(f"mqtt://127.0.0.1:{scripted.port}")):
        await until_reading(bus)
        await publish(bus, entered(1))
        await until_done(bus)
    assert scripted.versions == versions
    assert await letters(bus) == []


async def test_a_dead_broker_is_knocked_at_by_one_event_at_a_time(bus: Bus, scripted: Broker) -> None:
    scripted.connecting.extend([NOT_AUTHORIZED] * 1000)
    settings = {"in_flight": 8, "first_wait_s": 3600, "longest_wait_s": 3600}
    async with delivering(bus, config(f"mqtt://127.0.0.1:{scripted.port}", **settings)) as sinks:
        await until_reading(bus)
        await publish(bus, *(entered(1, f"cam-{number}") for number in range(8)))
        await until(lambda: sinks.waiting.get("alarm") == 8, "all are known to wait")
        await until(lambda: scripted.versions, "one knocks")
    assert len(scripted.versions) == 1
