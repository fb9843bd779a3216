"""What FFmpeg sees of simulated cameras."""

import asyncio
import os
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import av
import pytest

from gateway.simulator import SimulatedCamera, Simulator, SimulatorSettings
from tests.gateway.simulator.test_clients import (
    PEDESTRIANS,
    WALK,
    WALK_H265,
    WALK_ODD,
    Watcher,
    connected,
    recorded,
    watch,
    watching,
)


@pytest.fixture(autouse=True)
def every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out, however late a slow machine makes it."""
    monkeypatch.setattr("gateway.simulator.playhead._TOO_LATE_S", 3600.0)


def remuxed(video: Path, target: Path) -> Path:
    """The same packets in another container."""
    with av.open(str(video)) as source, av.open(str(target), "w") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                sink.mux(packet)
    return target


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("video", [WALK, WALK_H265, WALK_ODD], ids=lambda video: video.stem)
async def test_served_pictures_are_those_of_the_file(video: Path, transport: str) -> None:
    expected = [picture.digest for picture in recorded(video)]
    async with Simulator([SimulatedCamera("gate", video, fps=50)]) as simulator:
        seen = await watch(simulator.url("gate"), transport, len(expected))
    assert [picture.digest for picture in seen] == expected


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".h264"])
async def test_other_containers_give_the_same_pictures(suffix: str, tmp_path: Path) -> None:
    video = remuxed(WALK, tmp_path / f"walk{suffix}")
    async with Simulator([SimulatedCamera("gate", video, fps=50)]) as simulator:
        seen = await watch(simulator.url("gate"), "tcp", 30)
    assert [picture.digest for picture in seen] == [picture.digest for picture in recorded(WALK)]


@pytest.mark.parametrize(("video", "frames", "fps"), [(WALK_H265, 40, 80), (PEDESTRIANS, 400, 200)])
async def test_time_runs_on_evenly_over_the_end_of_a_file_with_b_frames(video: Path, frames: int, fps: int) -> None:
    patient = SimulatorSettings(backlog_bytes=2**30)  # a slow machine takes long to decode what is sent
    async with Simulator([SimulatedCamera("gate", video, fps=fps)], patient) as simulator:
        seen = await watch(simulator.url("gate"), "tcp", frames + 20)
    first, again = seen[:20], seen[frames:]
    assert [picture.digest for picture in again] == [picture.digest for picture in first]
    times = [picture.pts for picture in seen if picture.pts is not None]
    assert len(times) >= frames + 18
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert {round(step * fps / 90_000, 2) for step in steps} == {1.0}


async def test_a_late_viewer_starts_with_a_keyframe() -> None:
    pictures = [picture.digest for picture in recorded(WALK)]
    async with Simulator([SimulatedCamera("gate", WALK, fps=25)]) as simulator, watching(simulator.url("gate")):
        late = await watch(simulator.url("gate"), "tcp", 12)
    start = pictures.index(late[0].digest)
    assert start % 10 == 0
    assert [picture.digest for picture in late] == (pictures + pictures)[start : start + 12]
    assert not any(picture.corrupt for picture in late)


async def test_sender_report_tells_the_time_of_capture() -> None:
    async with AsyncExitStack() as group:
        simulator = await group.enter_async_context(Simulator([SimulatedCamera("gate", WALK)]))
        client = await group.enter_async_context(connected(simulator.host, simulator.port))
        await client.play(simulator.url("gate"))
        channel, report = await client.packet()
        _, packet = await client.packet()
    ntp, stamp = struct.unpack("!QI", report[8:20])
    captured = struct.unpack("!I", packet[4:8])[0]
    assert (channel, report[1], report[4:8]) == (1, 200, packet[8:12])
    assert ntp / (1 << 32) - 2_208_988_800 == pytest.approx(time.time(), abs=1)
    assert 0 <= (stamp - captured) % (1 << 32) < 9_000


async def test_forty_viewers_of_one_file_are_all_served() -> None:
    expected = {picture.digest for picture in recorded(WALK)}
    async with Simulator([SimulatedCamera(f"camera-{n}", WALK, fps=25) for n in range(4)]) as simulator:
        loop = asyncio.get_running_loop()
        watchers = [Watcher(simulator.url(f"camera-{n % 4}"), "tcp", enough=25) for n in range(40)]
        with ThreadPoolExecutor(40) as pool:
            seen = await asyncio.gather(*(loop.run_in_executor(pool, watcher.watch) for watcher in watchers))
    assert all({picture.digest for picture in pictures} <= expected for pictures in seen)


async def test_forty_viewers_cost_little_more_than_a_few() -> None:
    async with Simulator([SimulatedCamera("gate", WALK, fps=25)]) as simulator:
        few, many = await cpu_s(simulator, 4), await cpu_s(simulator, 40)
    assert many < 0.25, f"40 viewers took {many:.2f} s of CPU in half a second, 4 took {few:.2f}"


async def cpu_s(simulator: Simulator, clients: int) -> float:
    """CPU time of this process while so many raw clients are sent half a second of video, without reading it."""
    async with asyncio.TaskGroup() as group:
        stop, playing = asyncio.Event(), asyncio.Semaphore(0)

        async def client() -> None:
            async with connected(simulator.host, simulator.port) as raw:
                await raw.play(simulator.url("gate"))
                playing.release()
                await stop.wait()

        for _ in range(clients):
            group.create_task(client())
        for _ in range(clients):
            await playing.acquire()
        before = os.times()
        async with asyncio.timeout(90):
            async with connected(simulator.host, simulator.port) as raw:
                await raw.play(simulator.url("gate"))
                stamps: set[bytes] = set()
                while len(stamps) < 13:
                    _, packet = await raw.packet()
                    stamps.add(packet[4:8])
        after = os.times()
        stop.set()
    return after.user + after.system - before.user - before.system
