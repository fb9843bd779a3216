"""Readers in decode processes: they are stopped, moved, stalled, and started when there is no room."""

import asyncio
import errno
import time
from pathlib import Path

import pytest

from gateway.processes.link import DecodeLink
from gateway.processes.messages import ReaderPlan
from gateway.processes.placement import BalancePolicy
from gateway.processes.pool import decode_pool
from gateway.reading.interface import ReadOptions
from tests.gateway.processes.cameras import Camera, cameras, plan, process_of
from tests.gateway.run_gateway import Witness, configured, decode_processes, gateway, simulated
from tests.gateway.run_reader import PEDESTRIANS, WALK
from tests.gateway.test_gateway_app import process
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import end
from vedette.bus.connection import Bus

MIB = 2**20


async def test_while_the_gateway_has_no_time_the_process_keeps_the_latest_frames_only() -> None:
    async with cameras(1, plan(str(PEDESTRIANS), loop=True)) as (camera,):
        await camera.gives(20)
        process = process_of(camera)
        before_mib = process.memory_info().rss / MIB
        sampled, taken = camera.heard.stats.sampled, camera.heard.frames
        busy_until_s = sum(process.cpu_times()[:2]) + 2.0
        while sum(process.cpu_times()[:2]) < busy_until_s:
            time.sleep(0.05)  # the loop that does nothing else is what is tested
        after_mib = process.memory_info().rss / MIB
        await until(lambda: camera.heard.stats.sampled > sampled + 300, "it went on decoding")
        assert after_mib - before_mib < 20
        assert camera.heard.superseded > 10 * (camera.heard.frames - taken) / 2
        await until(lambda: camera.heard.frames + camera.heard.superseded >= sampled + 300, "each is counted")


async def test_a_reader_that_cannot_be_made_is_broken_and_disturbs_no_other() -> None:
    line = ReaderPlan(str(WALK), plan().outputs, ReadOptions(), (((0.0, 0.0), (1.0, 1.0)),))
    async with cameras(1, plan(loop=True, paced=True), line) as (sound, broken):
        assert await broken.ends() == "ReaderBroken: internal error: ValueError"
        broken.again()
        assert await broken.ends() == "ReaderBroken: internal error: ValueError"
        await sound.gives()


async def test_a_file_that_ends_ends_the_run_and_can_be_run_again() -> None:
    async with cameras(1, plan()) as (camera,):
        await asyncio.wait_for(camera.run, 40)
        assert camera.heard.frames + camera.heard.superseded == 30
        camera.again()
        await asyncio.wait_for(camera.run, 40)
        assert (camera.heard.readers, camera.heard.stats.decoded) == (1, 60)


async def test_a_busy_process_gives_a_camera_to_another_which_closes_the_source_first() -> None:
    impatient = BalancePolicy(hot=0.0001, cool=0.0, patience_s=0.5, gain=0.0001, settle_s=600)
    async with simulated("c0") as simulator, decode_pool(2, impatient) as pool:
        moved = Camera(pool, "c0", plan(simulator.url("c0")))
        sources = [moved, *(Camera(pool, f"c{n}", plan(loop=True, paced=True)) for n in (1, 2))]
        try:
            done, _ = await asyncio.wait([camera.run for camera in sources], timeout=60, return_when="FIRST_COMPLETED")
            (one,) = [camera for camera in sources if camera.run in done]
            assert await one.ends() == "ReaderLost: moved to another decode process"
            one.again()
            await one.gives()
            for camera in sources:
                await camera.gives()
                assert camera.heard.readers == (2 if camera is one else 1)
            assert simulator.viewers("c0") == 1
        finally:
            await end([camera.run for camera in sources])


async def test_a_gateway_that_is_killed_leaves_no_decode_process(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    witness = await Witness.on(bus)
    async with (
        simulated("gate") as camera,
        process(tmp_path, configured(nats_server, {}), nats_server.url, camera.url("gate")) as running,
    ):
        await until(lambda: witness.of("gate"), "frames")
        (decoding,) = decode_processes(running.pid)
        running.kill()
        await until(lambda: not decoding.is_running(), "it is dead")


@pytest.mark.parametrize("what", ["os.memfd_create", "socket.socketpair"])
async def test_without_descriptors_for_a_process_the_others_go_on_and_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with cameras(2, plan(loop=True, paced=True)) as (sound,):
        await sound.gives()
        with monkeypatch.context() as shortage:
            shortage.setattr(what, fail)
            late = Camera(sound.pool, "late", plan())
            await until(lambda: "can't be started: [Errno 24] Too many open files" in caplog.text, "it is said")
            await sound.gives()
            why = "its decode process can't be started: [Errno 24] Too many open files"
            await until(lambda: late.heard.waited_for == {why}, "the camera hears why it waits")
        await asyncio.wait_for(late.run, 40)
        assert not sound.run.done()


async def test_a_process_that_is_not_needed_any_more_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.processes.link._EXIT_S", 10.0)
    link = DecodeLink("decode-0")
    began_s = link.heard_s
    await link.start()
    await until(lambda: link.heard_s > began_s, "a sign of life")
    await link.end()
    assert await link._child.wait() == 0


async def test_a_camera_weighs_nothing_in_its_process_between_its_runs() -> None:
    async with cameras(1, plan(loop=True, paced=True)) as (camera,):
        await until(lambda: camera.reader.cost.rate, "it is measured")
        assert camera.heard.stats.cpu_s, "and its status says so"
        assert camera.pool._costs() == [{camera.reader: camera.reader.cost.rate}]
        await end([camera.run])
        assert camera.pool._costs() == [{camera.reader: 0.0}]
        camera.again()
        await camera.gives()
        assert camera.pool._costs() == [{camera.reader: camera.reader.cost.rate}]


async def test_a_camera_whose_process_cannot_be_started_says_why_it_waits(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    witness = await Witness.on(bus)
    async with simulated("waits") as camera:
        with monkeypatch.context() as shortage:
            shortage.setattr("os.memfd_create", fail)
            async with gateway(configured(nats_server, {"waits": camera.url("waits")})):
                said = ("connecting", "its decode process can't be started: [Errno 24] Too many open files")
                await until(lambda: said in [(s.state, s.reason) for s in witness.statuses], "it is said")
                shortage.undo()
                await until(lambda: witness.is_("waits", "live"), "it is live")
