import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inference.stream import latest_frames
from inference.stream.latest_frames import LatestFrames, moment
from tests.inference.worker import lasting_frames
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.streams import FRAMES


@pytest.fixture
async def frames(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LatestFrames]:
    await lasting_frames(bus, monkeypatch)
    frames = LatestFrames(bus)
    async with background(frames.run()):
        yield frames


def subject(number: int) -> str:
    return f"vedette.frame.people.plant-1.cam-{number}"


async def store(bus: Bus, *numbers: int, text: str = "") -> None:
    for number in numbers:
        await bus.publish_confirmed(subject(number), (text or str(number)).encode(), {"Vedette-Seq": str(number)})


async def test_each_reader_gets_its_latest_frame_with_headers_and_time(bus: Bus, frames: LatestFrames) -> None:
    before = dt.datetime.now(dt.UTC)
    await store(bus, 1, text="old")
    await store(bus, 1, text="new")
    frame = await frames.read(subject(1))
    assert frame is not None
    assert frame.jpeg == b"new"
    assert frame.headers["Vedette-Seq"] == "1"
    assert before <= frame.stored_at <= dt.datetime.now(dt.UTC)


async def test_a_subject_without_a_frame_is_none_beside_others_and_alone(bus: Bus, frames: LatestFrames) -> None:
    assert await frames.read(subject(1)) is None
    await store(bus, 2)
    missing, there = await asyncio.gather(frames.read(subject(1)), frames.read(subject(2)))
    assert missing is None
    assert there is not None


async def test_many_readers_share_a_request(bus: Bus, frames: LatestFrames) -> None:
    await store(bus, *range(200))
    found = await asyncio.gather(*(frames.read(subject(number)) for number in range(200)))
    assert [frame and frame.jpeg for frame in found] == [str(number).encode() for number in range(200)]
    assert frames._requests <= 2


async def test_several_reads_at_once_of_one_subject_are_all_answered(bus: Bus, frames: LatestFrames) -> None:
    await store(bus, 1)
    found = await asyncio.gather(*(frames.read(subject(1)) for _ in range(5)))
    assert [frame and frame.jpeg for frame in found] == [b"1"] * 5


async def test_more_subjects_than_the_server_takes_go_in_several_requests(bus: Bus, frames: LatestFrames) -> None:
    await store(bus, 0, 1099)
    found = await asyncio.gather(*(frames.read(subject(number)) for number in range(1100)))
    assert [number for number, frame in enumerate(found) if frame] == [0, 1099]


async def test_a_reader_that_left_takes_no_one_with_it(bus: Bus, frames: LatestFrames) -> None:
    await store(bus, 1, 2)
    leaving = asyncio.create_task(frames.read(subject(1)))
    staying = asyncio.create_task(frames.read(subject(1)))
    await asyncio.sleep(0)
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    assert (await staying) is not None


async def test_without_its_stream_a_read_fails_at_once(bus: Bus, frames: LatestFrames) -> None:
    await bus.jetstream.delete_stream(FRAMES)
    with pytest.raises(BusUnavailable, match="503"):
        await frames.read(subject(1))


async def test_without_a_server_a_read_fails_and_nothing_is_left_behind(
    bus: Bus, frames: LatestFrames, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_frames, "_TIMEOUT_S", 0.2)
    nats_server.kill()
    for _ in range(3):
        with pytest.raises(BusUnavailable):
            await frames.read(subject(1))
    assert not frames._sent
    assert not frames._unsent


async def test_an_answer_that_came_while_this_process_stood_still_is_read(
    bus: Bus, frames: LatestFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_frames, "_TIMEOUT_S", 0.5)
    monkeypatch.setattr(latest_frames, "_LAST_LOOK_S", 20.0)  # for the server: it may stand still as well
    publish = bus.client.publish

    async def publish_and_stand_still(*request: Any, **named: Any) -> None:
        await publish(*request, **named)
        await asyncio.sleep(0)  # the library writes it
        asyncio.get_running_loop().call_soon(time.sleep, 0.7)

    await store(bus, 1)
    monkeypatch.setattr(bus.client, "publish", publish_and_stand_still)
    assert (await frames.read(subject(1))) is not None


async def test_reading_works_again_after_a_restart(bus: Bus, frames: LatestFrames, nats_server: NatsServer) -> None:
    await asyncio.to_thread(nats_server.restart)
    await until(lambda: bus.connected and bus.client.stats["reconnects"], "reconnected")
    await store(bus, 1)
    assert await frames.read(subject(1)) is not None


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-11-22T08:20:11Z", 0),
        ("2026-11-22T08:20:11.5Z", 500_000),
        ("2026-11-22T08:20:11.123456789Z", 123_456),
    ],
)
def test_time_stamps_of_the_server_are_read(text: str, microsecond: int) -> None:
    assert moment(text) == dt.datetime(2026, 11, 22, 8, 20, 11, microsecond, dt.UTC)
