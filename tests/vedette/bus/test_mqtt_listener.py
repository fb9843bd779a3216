"""MQTT of the embedded server, with a real client: events and status are read there, nothing else is, or is written."""

import asyncio
import json
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.events.sinks.published import entered, publish
from tests.vedette.samples import status
from tests.waiting import until
from vedette.bus.address import BusAddress, address_of, mqtt_address_file
from vedette.bus.connection import Bus, connect
from vedette.bus.embedded_nats import EmbeddedNats
from vedette.config.checks import contradictions
from vedette.config.config import Config
from vedette.errors import BusMisfit
from vedette.secrets.secret import SecretText
from vedette.streams import EVENTS

SETTINGS = {
    "site": "plant-1",
    "listen": {"nats": "127.0.0.1:0", "mqtt": "127.0.0.1:0"},
    "retention": {
        "detections_gib": 0.5,
        "events_gib": 0.5,
        "snapshots_gib": 0.5,
        "clips_mib": 64,
        "dead_mib": 16,
        "audit_mib": 8,
    },
}
CONFIG = Config.model_validate(SETTINGS)


@dataclass
class Listener:
    """A client of home automation: with a session that lasts, and asking for QoS 1."""

    granted: dict[int, bool] = field(default_factory=dict)
    messages: list[mqtt.MQTTMessage] = field(default_factory=list)
    published: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        word = json.loads(mqtt_address_file("plant-1").read_text())
        address = urlsplit(word["url"])
        assert address.hostname is not None
        assert address.port is not None
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="home", clean_session=False, protocol=mqtt.MQTTv311
        )
        self.client.username_pw_set(word["user"], word["password"])
        self.client.on_message = lambda client, data, message: self.messages.append(message)
        self.client.on_subscribe = lambda client, data, mid, codes, properties: self.granted.update(
            {mid: not codes[0].is_failure}
        )
        self.client.on_publish = lambda client, data, mid, code, properties: self.published.append(mid)
        self.client.connect(address.hostname, address.port)
        self.client.loop_start()

    async def subscribed(self, topic: str) -> bool:
        """Whether the server lets it."""
        _, number = self.client.subscribe(topic, 1)
        assert number is not None
        await until(lambda: number in self.granted, f"an answer about {topic}")
        return self.granted[number]


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    try:
        yield listener
    finally:
        listener.client.disconnect()
        listener.client.loop_stop()


@pytest.fixture
def address() -> Iterator[BusAddress]:
    server = EmbeddedNats(CONFIG)
    address = server.prepare()
    process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL)
    yield address
    process.kill()
    process.wait()
    server.release()


@pytest.fixture
async def bus(address: BusAddress) -> AsyncIterator[Bus]:
    """An events worker's."""
    async with await connect(await asyncio.to_thread(address_of, CONFIG, "events"), "test", give_up_after_s=30) as bus:
        yield bus


async def test_events_and_status_come_under_their_subjects_with_slashes(bus: Bus) -> None:
    with listening() as listener:
        assert await listener.subscribed("vedette/events/#")
        assert await listener.subscribed("vedette/status/+/gate")
        await publish(bus, entered(1))
        async with await connect(await asyncio.to_thread(address_of, CONFIG, "gateway"), "gateway") as gateway:
            await gateway.client.publish("vedette.status.plant-1.gate", status().model_dump_json().encode())
        await until(lambda: len(listener.messages) == 2, "both come")
    event, state = sorted(listener.messages, key=lambda message: message.topic)
    assert (event.topic, state.topic) == ("vedette/events/plant-1/gate/zone/enter", "vedette/status/plant-1/gate")
    assert event.payload == entered(1).model_dump_json(exclude_none=True).encode()
    # What nats-server does with messages of NATS clients, whatever the client asked for; docs/sinks.md says so.
    assert [(message.qos, message.retain) for message in (event, state)] == [(0, False), (0, False)]


async def test_what_happens_while_a_client_is_away_does_not_come_later(bus: Bus) -> None:
    with listening() as listener:
        assert await listener.subscribed("vedette/events/#")
    await publish(bus, entered(1))
    with listening() as listener:
        assert await listener.subscribed("vedette/events/#")
        await publish(bus, entered(2))
        await until(lambda: listener.messages, "the later one comes")
    assert [json.loads(message.payload)["id"] for message in listener.messages] == [entered(2).id]


async def test_nothing_else_can_be_read(bus: Bus) -> None:
    kept = ("frame", "picture", "crop", "detections", "dead", "track", "clip", "work", "served", "hint")
    internal = ("$O/vedette-snapshots/#", "$KV/vedette-cameras/#", "$MQTT/msgs/#", "$JS/#", "$SYS/#", "_INBOX/#")
    with listening() as listener:
        for topic in ("#", "vedette/#", "+/+/plant-1/gate", *internal, *(f"vedette/{name}/#" for name in kept)):
            assert not await listener.subscribed(topic), topic


async def test_what_a_client_publishes_is_not_believed(bus: Bus) -> None:
    with listening() as listener:
        for topic in ("vedette/events/plant-1/gate/zone/enter", "vedette/hint/plant-1/gate", "homeassistant/status"):
            number = listener.client.publish(topic, "{}", 1, retain=True).mid
            await until(lambda number=number: number in listener.published, "the server has it")  # type: ignore[misc]
        assert (await bus.jetstream.stream_info(EVENTS)).state.messages == 0
    with listening() as listener:
        assert await listener.subscribed("vedette/events/#")
        await publish(bus, entered(1))
        await until(lambda: listener.messages, "the true one comes")
    assert [json.loads(message.payload)["id"] for message in listener.messages] == [entered(1).id]  # nothing retained


async def test_its_credentials_are_private_and_good_for_mqtt_alone(address: BusAddress, bus: Bus) -> None:
    file = mqtt_address_file("plant-1")
    word = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(BusMisfit):
        await connect(BusAddress(address.url, word["user"], SecretText(word["password"])), "mqtt")


def test_without_it_no_credentials_are_left(tmp_path: Path) -> None:
    for settings, there in ((SETTINGS, True), ({**SETTINGS, "listen": {"nats": "127.0.0.1:0"}}, False)):
        server = EmbeddedNats(Config.model_validate(settings))
        server.prepare()
        server.release()
        assert mqtt_address_file("plant-1").exists() == there


def test_another_server_is_told_in_its_own_configuration() -> None:
    (problem,) = contradictions(Config.model_validate({**SETTINGS, "nats": {"url": "nats://127.0.0.1:4222"}}))
    assert str(problem).startswith("listen.mqtt: is for the embedded nats-server")
