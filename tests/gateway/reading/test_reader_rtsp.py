"""Reading RTSP cameras: both transports, both codecs, and every way in which a camera lets one down."""

import asyncio
import itertools
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from time import time

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from gateway.errors import Reason, SourceError
from gateway.reading.interface import ReadOptions
from gateway.reading.sampler import Sampling
from gateway.simulator import Credentials, SimulatedCamera, Simulator, SimulatorSettings
from tests.gateway.run_gateway import pixels
from tests.gateway.run_reader import PEDESTRIANS, WALK, WALK_H265, WALK_ODD, Run, read, running
from tests.waiting import until

QUICK = ReadOptions(stall_s=0.8, dead_s=1.6)


FPS = 50.0


def simulated(video: Path = WALK, fps: float = FPS, **settings: object) -> Simulator:
    return Simulator([SimulatedCamera("gate", video, fps)], SimulatorSettings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("video", [WALK, WALK_H265, PEDESTRIANS], ids=lambda video: video.stem)
async def test_live_frames_come_in_order_and_on_time(video: Path, transport: str) -> None:
    options = ReadOptions(transport=transport)  # type: ignore[arg-type]
    async with simulated(video) as camera, running(camera.url("gate"), options=options) as run:
        await run.until(lambda: len(run.frames) >= 40)
    times = [frame.pts_s for frame in run.frames if frame.pts_s is not None]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([1 / FPS] * len(gaps), abs=0.005)
    assert run.reader.stats.corrupt == 0
    assert run.infos[0].transport == transport
    assert {frame.clock for frame in run.frames[2:]} == {"rtcp"}
    assert run.frames[-1].captured_at == pytest.approx(time(), abs=5)


async def test_the_sampled_rate_of_a_live_camera_is_the_one_asked_for() -> None:
    async with simulated(PEDESTRIANS) as camera, running(camera.url("gate"), Sampling(10)) as run:
        await run.until(lambda: len(run.frames) >= 16)
    times = [frame.pts_s for frame in run.frames[1:] if frame.pts_s is not None]
    assert times[-1] - times[0] == pytest.approx((len(times) - 1) / 10, abs=0.05)
    assert run.reader.stats.decoded >= 70


async def test_keyframes_of_a_camera_with_b_frames_come_at_once() -> None:
    async with simulated(PEDESTRIANS) as camera, running(camera.url("gate"), Sampling(keyframes=True)) as run:
        await run.until(lambda: len(run.frames) >= 3)
        assert run.reader.stats.packets < 3 * 20 + 5  # not held back for the two keyframes of the reorder delay
    assert run.reader.stats.decoded == len(run.frames)


async def test_a_slow_rate_goes_over_to_keyframes_only() -> None:
    async with simulated(WALK) as camera, running(camera.url("gate"), Sampling(4)) as run:
        await run.until(lambda: run.reader.stats.decode == "keyframes")
        taken = len(run.frames)
        await run.until(lambda: len(run.frames) >= taken + 2)
    assert all(frame.keyframe for frame in run.frames[taken + 1 :])


async def test_udp_is_taken_where_tcp_is_refused_and_remembered() -> None:
    async with simulated(tcp=False) as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 5)
        assert run.infos[0].transport == "udp"
        await run.stopped_after()
        run.stop.clear()
        again = asyncio.create_task(asyncio.to_thread(run.reader.run, run.stop))
        while len(run.infos) < 2:
            await asyncio.sleep(0.01)
        run.stop.set()
        await again
    assert run.infos[1].transport == "udp"


async def test_tcp_alone_says_that_the_server_refuses_it() -> None:
    options = ReadOptions(transport="tcp")
    async with simulated(tcp=False) as camera, running(camera.url("gate"), options=options) as run:
        assert (await run.failure()).reason is Reason.TRANSPORT


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_a_wrong_password_is_named_hidden_and_not_retried_quickly(scheme: str) -> None:
    credentials = Credentials("admin", "right", scheme)  # type: ignore[arg-type]
    async with simulated(credentials=credentials) as camera:
        url = camera.url("gate").replace("right", "wr%40ng")
        async with running(url) as run:
            error = await run.failure()
        async with running(camera.url("gate")) as run:
            await run.until(lambda: bool(run.frames))
    assert error.reason is Reason.UNAUTHORIZED
    assert error.retry_slowly
    shown = repr(error) + str(error) + repr(error.__context__) + repr(error.__cause__)
    assert "wr%40ng" not in shown
    assert "admin" not in shown


async def test_a_camera_that_vanishes_ended_and_is_then_not_found() -> None:
    async with simulated() as camera:
        async with running(camera.url("gate")) as run:
            await run.until(lambda: len(run.frames) >= 3)
            camera.vanish("gate")
            error = await run.failure()
        async with running(camera.url("gate")) as run:
            gone = await run.failure()
    assert (error.reason, gone.reason) == (Reason.ENDED, Reason.NOT_FOUND)
    assert not error.retry_slowly


async def test_a_silent_camera_is_stalled_first_and_then_failed() -> None:
    async with simulated() as camera, running(camera.url("gate"), options=QUICK) as run:
        await run.until(lambda: len(run.frames) >= 3)
        camera.stall("gate")
        error = await run.failure()
    assert error.reason is Reason.STALLED
    assert run.stalls == pytest.approx([0.8], abs=0.6)
    assert run.lives == 1


async def test_a_camera_that_falls_silent_for_a_while_recovers() -> None:
    options = ReadOptions(stall_s=0.8, dead_s=8)
    async with simulated() as camera, running(camera.url("gate"), options=options) as run:
        await run.until(lambda: len(run.frames) >= 3)
        camera.stall("gate")
        await run.until(lambda: bool(run.stalls))
        count = len(run.frames)
        camera.resume("gate")
        await run.until(lambda: len(run.frames) > count + 5)
    assert (len(run.stalls), run.lives) == (1, 2)


async def test_a_camera_that_sends_garbage_is_undecodable_and_none_of_it_is_sampled() -> None:
    async with simulated() as camera, running(camera.url("gate"), options=QUICK) as run:
        await run.until(lambda: len(run.frames) >= 3)
        camera.garble("gate")
        error = await run.failure()
    assert error.reason is Reason.UNDECODABLE
    assert len(run.frames) < 60


async def test_some_damage_is_counted_and_survived() -> None:
    async with simulated() as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 3)
        camera.garble("gate", share=0.1)
        await run.until(lambda: run.reader.stats.corrupt >= 3)
        camera.resume("gate")
        count = len(run.frames)
        await run.until(lambda: len(run.frames) >= count + 20)
    assert run.reader.stats.decoded == len(run.frames) + run.reader.stats.held


async def test_no_sampled_picture_differs_from_what_the_camera_filmed() -> None:
    filmed = np.stack([pixels(frame.jpeg) for frame in await asyncio.to_thread(read, WALK)]).astype(int)
    async with simulated() as camera:
        frames, held = [], 0
        for seed in range(4):
            async with running(camera.url("gate")) as run:
                try:
                    await _damaged_for_a_while(run, camera, seed)
                except SourceError as error:  # it read a damaged parameter set, and says so
                    assert "colours" in str(error)
                    camera.resume("gate")
            frames += run.frames
            held += run.reader.stats.held
    assert held > 10
    wrong_by = [np.abs(filmed - pixels(frame.jpeg)).mean(axis=(1, 2, 3)).min() for frame in frames]
    # Rarely a damaged block decodes without an error: H.264 has no checksum. What refers to it is in error soon.
    assert sum(by > 0.1 for by in wrong_by) <= len(frames) / 50
    assert max(wrong_by) < 1


async def _damaged_for_a_while(run: Run, camera: Simulator, seed: int) -> None:
    await run.until(lambda: len(run.frames) >= 3)
    camera.garble("gate", seed=seed, share=0.1)
    await run.until(lambda: run.reader.stats.corrupt >= 3)
    camera.resume("gate")
    count = len(run.frames)
    await run.until(lambda: len(run.frames) >= count + 20)


async def test_colours_that_change_in_mid_stream_are_not_believed(tmp_path: Path) -> None:
    tagged = _in_full_range(WALK, tmp_path / "tagged.mp4")
    async with simulated() as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 3)
        await camera.switch("gate", tagged)
        failure = await run.failure()
    assert failure.reason is Reason.UNDECODABLE
    assert "colours" in str(failure)


def _in_full_range(video: Path, path: Path) -> Path:
    """The same stream, with parameter sets that say so."""
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        tagging = BitStreamFilterContext("h264_metadata=video_full_range_flag=1", source.streams.video[0], stream)
        for packet in source.demux(video=0):
            for tagged in tagging.filter(packet if packet.size else None):
                tagged.stream = stream
                target.mux(tagged)
    return path


async def test_a_change_of_resolution_changes_the_frames_and_is_told() -> None:
    async with simulated() as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 3)
        await camera.switch("gate", WALK_ODD)
        await run.until(lambda: run.frames[-1].width == 557)
    assert [(info.width, info.height) for info in run.infos] == [(320, 240), (418, 314)]
    assert {(f.width, f.height, f.jpeg_width, f.jpeg_height) for f in run.frames} == {
        (320, 240, 160, 120),
        (557, 314, 160, 90),
    }


@pytest.mark.parametrize("fault", ["none", "stall", "garble"])
async def test_a_stop_takes_less_than_a_second_at_any_point(fault: str) -> None:
    async with simulated() as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 3)
        if fault != "none":
            getattr(camera, fault)("gate")
            await asyncio.sleep(0)
        assert await run.stopped_after() < 4.5


async def test_a_stop_does_not_wait_for_a_server_that_accepts_and_says_nothing() -> None:
    accepted = asyncio.Event()
    release = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await release.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(f"rtsp://127.0.0.1:{port}/gate") as run:
            await asyncio.wait_for(accepted.wait(), 90)
            assert await run.stopped_after() < 4.5
        release.set()
        while "open-source" in [thread.name for thread in threading.enumerate()]:
            await asyncio.sleep(0.01)


async def test_twenty_times_open_and_close_leaves_nothing_behind() -> None:
    def held() -> tuple[int, int]:
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio")]
        return len(threads), len(list(Path("/proc/self/fd").iterdir()))

    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(simulated(fps=200))
        await once(camera)
        while camera.viewers("gate"):
            await asyncio.sleep(0.01)
        before = held()
        for _ in range(20):
            await once(camera)
        while camera.viewers("gate"):
            await asyncio.sleep(0.01)
        # Fewer, if what an earlier test left was collected meanwhile.
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), "nothing more is held")


async def once(camera: Simulator) -> None:
    async with running(camera.url("gate"), options=QUICK) as run:
        await seen(run)


async def seen(run: Run) -> None:
    await run.until(lambda: bool(run.frames))
    await run.stopped_after()
