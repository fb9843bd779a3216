"""Decode processes that are killed, crash, hang, and that talk nonsense."""

import os
import signal
from collections.abc import Callable
from itertools import pairwise

import psutil
import pytest

from tests.gateway.processes.cameras import Camera, cameras, plan, process_of
from tests.gateway.run_gateway import Witness, configured, decode_processes, gateway, simulated
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import end
from vedette.bus.connection import Bus


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
