"""Readers in decode processes that are killed, stopped, stalled, and that talk nonsense."""

import asyncio
import errno
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.errors import GatewayError
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes.link import DecodeLink
from gateway.processes.messages import ReaderPlan
from gateway.processes.placement import BalancePolicy
from gateway.processes.pool import DecodePool, decode_pool
from gateway.processes.remote_reader import RemoteReader
from gateway.reading.interface import ReaderStats, ReadOptions, StreamInfo
from gateway.reading.sampler import Sampling
from tests.gateway.run_gateway import Witness, configured, decode_processes, gateway, simulated
from tests.gateway.run_reader import PEDESTRIANS, WALK
from tests.gateway.test_gateway_app import process
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import end
from vedette.bus import Bus

MIB = 2**20


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.stats = ReaderStats()
        self.readers = 0
        self.frames = 0
        self.superseded = 0
        self.waited_for: set[str] = set()

    def on_reader(self, stats: ReaderStats) -> None:
        self.stats = stats
        self.readers += 1

    def on_waiting(self, why: str) -> None:
        self.waited_for.add(why)

    def on_frame(self, frame: SampledFrame, superseded: int) -> None:
        self.frames += 1
        self.superseded += superseded

    def on_stream(self, info: StreamInfo) -> None:
        pass

    def on_stalled(self, silent_s: float) -> None:
        pass

    def on_live(self) -> None:
        pass


def plan(url: str = str(WALK), fps: float | None = None, **options: Any) -> ReaderPlan:
    return ReaderPlan(url, (Output("people", 160, 85, Sampling(fps)),), ReadOptions(**options))


class Camera:
    """A reader that is run, and what it says."""

    def __init__(self, pool: DecodePool, name: str, what: ReaderPlan) -> None:
        self.pool = pool
        self.heard = Heard()
        self.reader: RemoteReader = pool.reader(name, what, self.heard)
        self.run = asyncio.create_task(self.reader.run())

    def again(self) -> None:
        self.run = asyncio.create_task(self.reader.run())

    async def ends(self) -> str:
        """Wait for the error that ends the run."""
        with pytest.raises(GatewayError) as caught:
            await asyncio.wait_for(self.run, 40)
        return f"{type(caught.value).__name__}: {caught.value}"

    async def gives(self, more: int = 3) -> None:
        """Wait for frames."""
        count = self.heard.frames
        await until(lambda: self.heard.frames >= count + more, "frames")


@asynccontextmanager
async def cameras(processes: int, *plans: ReaderPlan) -> AsyncIterator[list[Camera]]:
    async with decode_pool(processes) as pool:
        running = [Camera(pool, f"c{number}", what) for number, what in enumerate(plans)]
        try:
            yield running
        finally:
            await end([camera.run for camera in running])
    assert decode_processes() == []


def process_of(camera: Camera) -> psutil.Process:
    """The only process that has this camera's connection or file; there is one process a camera."""
    slot = camera.reader._slot
    assert slot is not None
    assert slot._link is not None
    return psutil.Process(slot._link._child.pid)


async def test_a_killed_process_takes_its_own_cameras_down_for_a_moment_and_no_other(
    nats_server: NatsServer, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"kill{n}" for n in range(4)]
    witness = await Witness.on(bus)
    async with simulated(*names) as camera:
        config = configured(nats_server, {name: camera.url(name) for name in names})
        async with gateway(
            config.model_copy(update={"gateway": config.gateway.model_copy(update={"decode_processes": 2})})
        ):
            await until(lambda: all(witness.is_(name, "live") for name in names), "all live")
            assert len(decode_processes()) == 2
            decode_processes()[0].kill()
            lost: Callable[[], list[str]] = lambda: [  # noqa: E731
                status.camera
                for status in witness.statuses
                if status.reason == "last: its decode process died (signal 9)"
            ]
            await until(lambda: len(set(lost())) == 2, "two are down, and it is said why")
            counts = {name: len(witness.of(name)) for name in names}
            await until(lambda: all(witness.is_(name, "live") for name in names), "all live again")
            await until(lambda: all(len(witness.of(name)) > counts[name] + 5 for name in names), "frames of all")
        for name in names:
            states = witness.states(name)
            assert states == (
                ["connecting", "live", "connecting", "live", "offline"]
                if name in lost()
                else ["connecting", "live", "offline"]
            )
            times = [frame.came_s for frame in witness.of(name)]
            assert max(later - earlier for earlier, later in pairwise(times)) < 15  # 1 s where nothing else runs
        assert "died (signal 9); another one starts in 0." in caplog.text


async def test_a_process_that_hangs_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cameras(2, plan(loop=True, paced=True), plan(loop=True, paced=True)) as (hung, sound):
        await hung.gives()
        await sound.gives()
        os.kill(process_of(hung).pid, signal.SIGSTOP)
        with monkeypatch.context() as impatient:  # not for the next one, which may take longer to start
            impatient.setattr("gateway.processes.slot._SILENT_S", 3.0)
            assert await hung.ends() == "ReaderLost: its decode process hung and was killed"
        hung.again()
        await hung.gives()
        assert not sound.run.done()
        assert (hung.heard.readers, sound.heard.readers) == (2, 1)


STOPPED_AT_FIRST = (
    "import os, signal, runpy; os.kill(os.getpid(), signal.SIGSTOP); "
    "runpy.run_module('gateway.processes.decode_process', run_name='__main__', alter_sys=True)"
)


async def test_a_process_that_starts_slowly_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.processes.link._PROGRAM", ("-c", STOPPED_AT_FIRST))
    async with cameras(1, plan(loop=True, paced=True)) as (camera,):
        await until(lambda: camera.reader._slot and camera.reader._slot._link, "it is started")
        slot, starting = camera.reader._slot, process_of(camera)
        assert slot is not None
        link = slot._link
        assert link is not None
        await until(lambda: starting.status() == psutil.STATUS_STOPPED, "it stands still")
        slot.check(link.heard_s + 50)
        starting.resume()
        await camera.gives()
        assert slot._link is link
        slot.check(link.heard_s + 50)
        assert await camera.ends() == "ReaderLost: its decode process hung and was killed"


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


async def test_a_camera_over_which_a_process_crashes_takes_others_down_once_and_is_then_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.processes.link._PROGRAM", ("-m", "tests.gateway.broken_decode_process"))
    async with cameras(1, plan(loop=True, paced=True)) as (sound,):
        await sound.gives()
        poison = Camera(sound.pool, "poison", plan())
        said = "ReaderBroken: its decode process died (signal 6), over what this camera sends"
        assert await poison.ends() == said
        assert await sound.ends() == "ReaderLost: its decode process died (signal 6)"
        sound.again()
        await sound.gives()
        poison.again()
        assert await poison.ends() == said
        await sound.gives()
        assert not sound.run.done()


async def test_one_that_talks_nonsense_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import os, sys; os.write(int(sys.argv[1]), b'nonsense' * 9); os.read(int(sys.argv[1]), 9999); os.read(0, 1)"
    )
    monkeypatch.setattr("gateway.processes.link._PROGRAM", ("-c", program))
    async with cameras(1, plan()) as (camera,):
        assert "sent what makes no sense" in await camera.ends()


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


@pytest.mark.parametrize("most", [1, 2])
async def test_a_reader_that_is_stuck_is_left_behind_and_too_many_of_them_end_their_process(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("gateway.processes.link._PROGRAM", ("-m", "tests.gateway.broken_decode_process"))
    monkeypatch.setattr("gateway.processes.link._MOST_STUCK", most)
    monkeypatch.setattr("gateway.processes.remote_reader._STUCK_BEATS", 4)
    async with cameras(1, plan(loop=True, paced=True)) as (sound,):
        await sound.gives()
        hung = Camera(sound.pool, "hung", plan(loop=True, paced=True))
        assert await hung.ends() == "ReaderBroken: it was stuck in a library for a minute, and is read anew"
        if most == 1:
            assert await sound.ends() == "ReaderLost: its decode process had 1 readers that were stuck, and was killed"
            await end([hung.run])
            return
        hung.again()
        await hung.gives()
        assert (hung.heard.readers, sound.run.done()) == (2, False)
        await end([hung.run])
