"""Mosquitto as a sink: another implementation than nats-server's, and MQTT 5, in which a broker can say no."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.sinks.dead_letters import dead_letters
from tests.events.sinks.published import entered, publish
from tests.events.sinks.test_mqtt import FAST, reading
from tests.events.sinks.test_sink import delivering, until_done, until_reading
from tests.free_ports import free_port
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.config.config import Config

pytestmark = pytest.mark.system

BROKER = """
listener {port} 127.0.0.1
allow_anonymous true
acl_file {folder}/acl
user root
"""
ACL = """
topic write vedette/plant-1/gate/#
user vedette
topic read vedette/#
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    (tmp_path / "mosquitto.conf").write_text(BROKER.format(port=port, folder=tmp_path))
    (tmp_path / "acl").write_text(ACL)
    log = tmp_path / "mosquitto.log"
    with log.open("wb") as output:
        command = ["/usr/sbin/mosquitto", "-v", "-c", str(tmp_path / "mosquitto.conf")]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    yield port
    process.kill()
    process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_what_it_may_have_is_delivered_and_what_not_is_a_dead_letter_that_says_so(bus: Bus, port: int) -> None:
    url = f"mqtt://127.0.0.1:{port}"
    site = Config.model_validate({"site": "plant-1", "sinks": {"home": {"url": url, "attempts": 2, **FAST}}})
    await until_async(lambda: answers(port), "the broker answers")
    with reading(port) as subscriber:
        await until(lambda: subscriber.subscribed, "the subscription")
        async with delivering(bus, site):
            await until_reading(bus, "home")
            ids = await publish(bus, *(entered(number) for number in range(1, 51)))
            await publish(bus, entered(51, "yard"))
            await until_done(bus, "home")
            await until(lambda: len(subscriber.messages) >= 50, "all come")
    assert subscriber.ids == ids
    (letter,) = [letter async for letter in dead_letters(bus, "plant-1", "home")]
    # Only MQTT 5 can say so: with 3.1.1 it would have been delivered, to nobody.
    assert (letter.event.lane, letter.reason) == ("plant-1.yard", "attempts")
    assert letter.last_error == "answered Not authorized"
