"""Events workers in processes of their own: killed while they deliver; and the commands about their dead letters."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.sinks.dead_letters import dead_letters
from tests.events.service.worker import Process
from tests.events.sinks.published import entered, publish
from tests.events.sinks.receiver import Receiver, answer, receiving, stalled
from tests.events.sinks.test_signature import SECRET
from tests.events.sinks.test_sink import delivering, until_done, until_reading
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.file import load_config

CONFIG = """
site: plant-1
nats: {{url: "nats://127.0.0.1:{port}"}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}
sinks:
  alarm: {{webhook: "{url}", secret: {secret}, first_wait_s: 0.01, longest_wait_s: 0.05, timeout_s: 20}}
"""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as receiver:
        yield receiver


@pytest.fixture
def config(tmp_path: Path, nats_server: NatsServer, receiver: Receiver) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(CONFIG.format(port=nats_server.port, url=receiver.url, secret=SECRET))
    return file


async def vedette(*words: str | Path) -> tuple[int, str, str]:
    """The exit status, and what was printed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vedette", *map(str, words), stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_worker_killed_while_it_delivers_loses_nothing(
    tmp_path: Path, bus: Bus, receiver: Receiver, config: Path
) -> None:
    receiver.script.extend([answer(202)] * 4)
    receiver.otherwise = stalled
    worker = Process(config, tmp_path / "worker.log")
    try:
        await until_reading(bus)
        ids = await publish(bus, *(entered(number) for number in range(1, 21)))
        await until(lambda: len(receiver.requests) == 5, lambda: worker.text)
        await worker.until_ready()  # whatever the receiver does
    finally:
        worker.end()
    receiver.otherwise = answer(202)
    async with delivering(bus, await asyncio.to_thread(load_config, config)):
        await until(lambda: set(ids) <= set(receiver.ids), "another worker delivers the others")
        await until_done(bus)
    assert list(dict.fromkeys(receiver.ids)) == ids
    assert receiver.ids[-16:] == ids[4:]
    assert "t0ken" not in worker.text
    assert SECRET not in worker.text


async def test_dead_letters_are_listed_and_sent_again(bus: Bus, receiver: Receiver, config: Path) -> None:
    receiver.otherwise = answer(400)
    async with delivering(bus, await asyncio.to_thread(load_config, config)):
        await until_reading(bus)
        ids = await publish(bus, entered(1), entered(2))
        await until_done(bus)
    listed, dead, unknown = await asyncio.gather(
        vedette("sinks", "list", config),
        vedette("sinks", "dead", config, "alarm", "--json"),
        vedette("sinks", "dead", config, "alram"),
    )
    assert listed == (0, f"alarm: 0 wait, 2 dead → http://127.0.0.1:{receiver.port}/***\n", "")
    letters = [json.loads(line) for line in dead[1].splitlines()]
    assert [(one["event"]["id"], one["reason"]) for one in letters] == [(one, "refused") for one in ids]
    assert unknown == (2, "", f"vedette: {config}: there is no sink alram (sinks: alarm)\n")

    receiver.requests.clear()
    receiver.otherwise = answer(500)
    failed = await vedette("sinks", "replay", config, "alarm")
    assert failed == (1, "0 delivered\n", f"{letters[0]['number']} {ids[0]}: answered 500\n")
    assert receiver.ids == ids[:1]

    receiver.otherwise = answer(202)
    assert await vedette("sinks", "replay", config, "alarm", "--number", str(letters[1]["number"])) == (
        *(0, "1 delivered\n", ""),
    )
    assert receiver.ids == ids
    assert "webhook-signature" in receiver.requests[-1].headers
    assert [letter.event.id async for letter in dead_letters(bus, "plant-1", "alarm")] == ids[:1]
