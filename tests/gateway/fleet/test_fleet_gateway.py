"""The cameras of a running gateway, changed while it runs."""

import asyncio
import gc
import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from nats.js.errors import NoKeysError
from prometheus_client import REGISTRY

from tests.gateway.run_gateway import SITE, Witness, configured, gateway, simulated
from tests.gateway.run_reader import WALK
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.buckets import CAMERAS, LEASES
from vedette.bus.connection import Bus
from vedette.cameras.plan import Change
from vedette.cameras.record import CameraRecord, Entry
from vedette.cameras.store import CameraStore
from vedette.config.camera_settings import Camera
from vedette.messages import Status
from vedette.secrets.sealing import sealer_of


def record(name: str, url: str, **settings: object) -> CameraRecord:
    return CameraRecord(name, Camera.model_validate({"url": url, "pipeline": "people", **settings}), "api")


@dataclass
class Desired:
    """Changes the desired cameras as the API does."""

    store: CameraStore

    async def put(self, *records: CameraRecord) -> None:
        await self.store.edit(lambda snapshot: [Change(record.name, record) for record in records])

    async def remove(self, *names: str) -> None:
        await self.store.edit(lambda snapshot: [Change(name, None) for name in names])

    async def entries(self) -> dict[str, Entry]:
        return dict((await self.store.read()).entries)


@pytest.fixture
async def desired(nats_server: NatsServer, bus: Bus) -> Desired:
    sealer = await asyncio.to_thread(sealer_of, configured(nats_server, {}))
    return Desired(CameraStore(bus, SITE, sealer))


@pytest.fixture
async def witness(bus: Bus) -> Witness:
    return await Witness.on(bus)


def series_of(camera: str) -> list[str]:
    """Names of the metrics that say something of a camera."""
    return [
        sample.name
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.labels.get("camera") == camera
    ]


async def test_cameras_come_change_and_go_and_the_others_do_not_notice(
    nats_server: NatsServer, desired: Desired, witness: Witness
) -> None:
    config = configured(nats_server, {})
    async with simulated("goes", "stays") as cameras, gateway(config):
        await desired.put(record("goes", cameras.url("goes")), record("stays", cameras.url("stays")))
        await until(lambda: witness.of("goes") and witness.of("stays"), "frames of both")
        epoch_of_b = witness.of("stays")[0].headers.epoch
        first_epoch = witness.of("goes")[0].headers.epoch
        await desired.put(record("goes", cameras.url("goes"), sampling={"fps": 1}))
        await until(lambda: witness.of("goes")[-1].headers.epoch > first_epoch, "frames of the changed one")
        assert [status for status in witness.statuses if status.reason == "its configuration has changed"]
        await desired.remove("goes")
        await until(lambda: witness.is_("goes", "offline"), "it is gone")
        assert witness.last("goes").reason == "the camera was removed"
        await until(lambda: not series_of("goes"), "no metric of it is left")
        count = len(witness.of("stays"))
        await until(lambda: len(witness.of("stays")) > count, "the other one goes on")
    assert {frame.headers.epoch for frame in witness.of("stays")} == {epoch_of_b}


async def test_a_change_that_can_not_be_is_refused_while_the_camera_goes_on(
    nats_server: NatsServer, bus: Bus, desired: Desired, witness: Witness
) -> None:
    async with simulated("a") as cameras, gateway(configured(nats_server, {"a": cameras.url("a")})):
        await until(lambda: witness.of("a"), "frames")
        epoch = witness.of("a")[0].headers.epoch
        await desired.put(record("a", cameras.url("a"), pipeline="faces"))
        await until(lambda: witness.last("a").refused, "the status says that it was refused")
        assert "pipeline" in (witness.last("a").refused or "")
        await (await bus.bucket(CAMERAS)).put(f"{SITE}.a", b"nonsense")
        await until(lambda: witness.last("a").refused == "is no camera's record", "the status says why")
        count = len(witness.of("a"))
        await until(lambda: len(witness.of("a")) > count, "more frames")
        await desired.put(record("a", cameras.url("a")))
        await until(lambda: witness.last("a").refused is None, "all is well")
        assert {frame.headers.epoch for frame in witness.of("a")} == {epoch}


async def test_a_start_leaves_what_was_changed_since_and_takes_what_the_file_says_anew(
    nats_server: NatsServer, desired: Desired
) -> None:
    def stopped(entry: Entry) -> bool:
        return isinstance(entry, CameraRecord) and not entry.camera.enabled

    filed, other = str(WALK), "rtsp://127.0.0.1:1/other"
    async with gateway(configured(nats_server, {"a": filed, "b": filed})):
        await until_async(desired.entries, "they are registered")
        entry = (await desired.entries())["a"]
        assert isinstance(entry, CameraRecord)
        off = entry.camera.model_copy(update={"enabled": False})
        await desired.put(CameraRecord("a", off, "file", entry.said), record("mine", other))
    async with gateway(configured(nats_server, {"a": filed})):
        await until_async(lambda: _gone(desired, "b"), "what left the file is removed")
    entries = await desired.entries()
    assert (list(entries), stopped(entries["a"])) == (["a", "mine"], True)
    async with gateway(configured(nats_server, {"a": other})):
        await until_async(lambda: _runs(desired, "a"), "the file's new word counts")


async def _gone(desired: Desired, name: str) -> bool:
    return name not in await desired.entries()


async def _runs(desired: Desired, name: str) -> bool:
    entry = (await desired.entries()).get(name)
    return isinstance(entry, CameraRecord) and entry.camera.enabled


async def test_a_gateway_process_takes_the_edits_of_its_file(
    nats_server: NatsServer, desired: Desired, witness: Witness, tmp_path: Path
) -> None:
    config = configured(nats_server, {})
    text: dict[str, object] = {
        "site": SITE,
        "nats": {"url": nats_server.url},
        "listen": {"gateway": "127.0.0.1:0"},
        "retention": config.retention.model_dump(),
        "pipelines": {"people": {"stages": [{"model": "coco-detector"}]}},
    }
    file = tmp_path / "gateway.yaml"

    def write(**cameras: str) -> None:
        whole = {name: {"url": url, "pipeline": "people"} for name, url in cameras.items()}
        file.write_text(json.dumps({**text, "cameras": whole}), encoding="utf-8")  # JSON is YAML

    async with simulated("a", "b") as cameras:
        write(a=cameras.url("a"))
        words = (sys.executable, "-m", "vedette", "gateway", str(file), "--watch")
        running = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
        try:
            await until(lambda: witness.of("a"), "frames of the one it began with")
            write(a=cameras.url("a"), b=cameras.url("b"))
            await until(lambda: witness.of("b"), "frames of the one that was added")
            write(b="gopher://host/")
            assert running.stderr is not None
            while b"cameras.b.url: gopher:// is not a source" not in await asyncio.wait_for(
                running.stderr.readline(), 15
            ):
                pass
            assert list(await desired.entries()) == ["a", "b"]
            write(b=cameras.url("b"))
            await until_async(lambda: _gone(desired, "a"), "the one that left the file is gone")
            running.terminate()
            _, said = await asyncio.wait_for(running.communicate(), 90)
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
    assert (running.returncode, b"Traceback" in said) == (0, False), said.decode()
    assert len({frame.headers.epoch for frame in witness.of("b")}) == 1


class Footprint(NamedTuple):
    """What the gateway and its decode processes hold."""

    tasks: int
    threads: int
    descriptors: int
    memory_mib: float

    @classmethod
    def now(cls) -> "Footprint":
        gc.collect()
        children = psutil.Process().children(recursive=True)
        processes = [psutil.Process(), *(child for child in children if child.name() != "nats-server")]
        return cls(
            len(asyncio.all_tasks()),
            sum(process.num_threads() for process in processes),
            sum(process.num_fds() for process in processes),
            sum(process.memory_info().rss for process in processes) / 2**20,
        )


async def test_a_hundred_cameras_that_come_and_go_leave_nothing_behind(
    nats_server: NatsServer, bus: Bus, desired: Desired, witness: Witness
) -> None:
    names = [f"c{n}" for n in range(25)]

    async def come_and_go() -> None:
        witness.statuses.clear()
        await desired.put(*(record(name, "rtsp://127.0.0.1:1/none") for name in names))
        await until(lambda: {status.camera for status in witness.statuses if refused(status)} == {*names}, "all ran")
        await desired.remove(*names)
        await until(lambda: not any(series_of(name) for name in (names[0], names[-1])), "no metric is left")
        await until_async(lambda: nothing_owned(bus), "no lease is left")

    async with gateway(configured(nats_server, {})):
        await come_and_go()
        before = Footprint.now()
        memory = [before.memory_mib]
        for _ in range(4):
            await come_and_go()
            memory.append(Footprint.now().memory_mib)
        await until(lambda: Footprint.now()[:3] <= before[:3], f"tasks, threads and descriptors as before: {before}")
        # What a camera leaves behind would be there after each round; what else this process does may grow it once.
        assert min(after - earlier for earlier, after in pairwise(memory)) < 1, memory


def refused(status: Status) -> bool:
    return "nothing listens there" in (status.reason or "")


async def nothing_owned(bus: Bus) -> bool:
    try:
        async with asyncio.timeout(5):  # the library's `keys` may wait for ever (nats-py 2.16)
            return not await (await bus.bucket(LEASES)).keys()
    except NoKeysError:
        return True
    except TimeoutError:
        return False
