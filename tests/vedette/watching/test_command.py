"""`vedette watch`: a line for every frame, of this site's cameras."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.nats_server import NatsServer
from tests.vedette import samples
from vedette.bus.connection import Bus
from vedette.messages import DetectionsEvent


@pytest.fixture
def config(tmp_path: Path, nats_server: NatsServer) -> Path:
    return site(tmp_path, nats_server.port)


def site(folder: Path, port: int) -> Path:
    file = folder / "site.yaml"
    file.write_text(f"site: plant-1\nnats: {{url: 'nats://127.0.0.1:{port}'}}\n")
    return file


async def start(config: Path, *words: str, stdout: int = PIPE) -> Process:
    command = [sys.executable, "-m", "vedette", "watch", str(config), *words]
    return await asyncio.create_subprocess_exec(*command, stdout=stdout, stderr=PIPE)


async def ended(process: Process) -> tuple[int | None, str]:
    _, said = await process.communicate()
    return process.returncode, said.decode()


@asynccontextmanager
async def cameras_at_work(bus: Bus) -> AsyncIterator[None]:
    """A frame of this site's gate and yard, and one of another site's gate, again and again."""

    async def work() -> None:
        seq = 0
        while True:
            for name, camera in (("plant-2", "gate"), ("plant-1", "yard"), ("plant-1", "gate")):
                event = of_site(name, samples.detections(seq=seq, camera=camera))
                await bus.client.publish(f"vedette.detections.{name}.{camera}.people", samples.encoded(event))
            await bus.client.flush()
            seq += 1

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()


def of_site(name: str, event: DetectionsEvent) -> DetectionsEvent:
    data = event.data.model_copy(update={"site": name})
    return event.model_copy(update={"id": event.id.replace("plant-1", name), "data": data})


async def lines(bus: Bus, config: Path, *words: str, count: int = 6) -> list[str]:
    process = await start(config, *words)
    assert process.stdout is not None
    async with cameras_at_work(bus):
        found = [(await process.stdout.readline()).decode() for _ in range(count)]
    process.terminate()
    status, said = await ended(process)
    assert status == 0
    assert "Traceback" not in said
    return found


async def test_a_line_is_the_time_the_camera_and_what_is_in_the_picture(bus: Bus, config: Path) -> None:
    for line in await lines(bus, config, "--camera", "gate"):
        assert re.fullmatch(r"12:00:00\.482 gate 1 person\n", line)


async def test_only_cameras_of_this_site_are_shown(bus: Bus, config: Path) -> None:
    found = await lines(bus, config, "--json")
    assert {tuple(re.findall(r'"(?:site|camera)":"([a-z0-9-]+)"', line)) for line in found} == {
        ("plant-1", "gate"),
        ("plant-1", "yard"),
    }


async def test_a_reader_that_has_enough_ends_it_quietly(bus: Bus, config: Path) -> None:
    reading, writing = os.pipe()
    process = await start(config, stdout=writing)
    os.close(writing)
    async with cameras_at_work(bus):
        await asyncio.to_thread(os.read, reading, 10)
        os.close(reading)
        status, said = await ended(process)
    assert status == 0
    assert "BrokenPipe" not in said


async def test_a_name_that_no_camera_can_have_is_wrong_use(config: Path) -> None:
    status, said = await ended(await start(config, "--camera", "a b"))
    assert status == 2
    assert said == "vedette: --camera 'a b' is no camera's name: lower case letters, digits, - and _\n"


async def test_where_nothing_runs_it_asks_whether_up_does(tmp_path: Path, nats_server: NatsServer) -> None:
    nats_server.kill()
    status, said = await ended(await start(site(tmp_path, nats_server.port)))
    assert status == 1
    assert said.count("\n") == 1
    assert said.endswith("; is vedette up running?\n")
