"""A recording's frames on a real server: all of them, each once, few at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.errors import TimeoutError as NatsTimeout

from gateway.pictures.frame_headers import headers_of
from gateway.recordings.recording_publisher import RecordingPublisher, withdraw
from tests.gateway.run_gateway import sampled
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.bus.connection import Bus, connect
from vedette.bus.stream_setup import ensure_consumer
from vedette.consumers import clip_consumer
from vedette.errors import BusUnavailable, MessageTooLarge
from vedette.frames import FrameHeaders
from vedette.messages import Served
from vedette.streams import CLIPS, CLIPS_IN_FLIGHT
from vedette.subjects import Feed

RUN = 1_800_000_000_000
FEED = Feed("people", "plant", "walk-1")


def headers(seq: int) -> FrameHeaders:
    return headers_of(sampled(), RUN, seq, 0.0, None)


async def on_bus(bus: Bus) -> int:
    info = await bus.jetstream.stream_info(CLIPS, subjects_filter=FEED.clip)
    return (info.state.subjects or {}).get(FEED.clip, 0)


@asynccontextmanager
async def publishing(bus: Bus, frames: int) -> AsyncIterator[list[int]]:
    """A recording of so many frames; yields the numbers of those that are stored."""
    publisher, stored = RecordingPublisher(bus, FEED), list[int]()
    await publisher.start()

    async def publish() -> None:
        for seq in range(frames):
            await publisher.publish(b"jpeg", headers(seq))
            stored.append(seq)

    async with background(publish()):
        yield stored


async def serve(bus: Bus, taken: list[int], tells: bool = True) -> None:
    """A worker: takes, acknowledges, and tells the publisher."""
    await ensure_consumer(bus.jetstream, CLIPS, clip_consumer("people"))
    clips = await bus.jetstream.pull_subscribe_bind("c-people", stream=CLIPS)
    task = asyncio.current_task()
    while task is not None and not task.cancelling():  # the library swallows some cancellations
        try:
            (clip,) = await clips.fetch(1, timeout=0.5)
        except NatsTimeout:
            continue
        frame = FrameHeaders.decode(clip.headers or {})
        taken.append(frame.seq)
        await bus.client.request(clip.reply, b"+ACK", timeout=90)
        if tells:
            note = Served(epoch=frame.epoch, seq=frame.seq, outcome="inferred")
            await bus.client.publish(FEED.served, note.model_dump_json().encode())


async def test_no_more_than_eight_frames_are_on_the_bus(bus: Bus) -> None:
    async with publishing(bus, 20) as stored:
        await until(lambda: len(stored) == CLIPS_IN_FLIGHT, "as many as may be")
        await bus.settle()  # whatever it had sent by now would be there
        assert len(stored) == await on_bus(bus) == CLIPS_IN_FLIGHT


async def test_notes_make_room_and_every_frame_comes_once_and_in_order(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.recordings.recording_publisher._ASK_AGAIN_S", 3600.0)  # the notes alone make room
    taken: list[int] = []
    async with publishing(bus, 200) as stored, background(serve(bus, taken)):
        await until(lambda: len(stored) == 200 and len(taken) == 200, "all")
    assert taken == list(range(200))
    assert await on_bus(bus) == 0


async def test_lost_notes_only_slow_it_down(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recordings.recording_publisher._ASK_AGAIN_S", 0.05)
    taken: list[int] = []
    async with publishing(bus, 40), background(serve(bus, taken, tells=False)):
        await until(lambda: len(taken) == 40, "all")
    assert taken == list(range(40))


async def test_a_worker_that_comes_late_finds_the_limit_kept(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recordings.recording_publisher._ASK_AGAIN_S", 0.02)
    async with publishing(bus, 20) as stored:
        await until(lambda: len(stored) == CLIPS_IN_FLIGHT, "as many as may be")
        for _ in range(20):  # it asks the server again and again, which refuses
            assert await on_bus(bus) == CLIPS_IN_FLIGHT
            await asyncio.sleep(0.01)
        taken: list[int] = []
        async with background(serve(bus, taken)):
            await until(lambda: len(taken) == 20, "all")
    assert taken == list(range(20))


async def test_a_retry_makes_no_double(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, really, tries = RecordingPublisher(bus, FEED), bus.publish_confirmed, 0

    async def answer_lost(*arguments: object, **named: object) -> object:
        nonlocal tries
        tries += 1
        answer = await really(*arguments, **named)  # type: ignore[arg-type]
        if tries < 3:
            raise BusUnavailable("no answer")
        return answer

    monkeypatch.setattr(bus, "publish_confirmed", answer_lost)
    await publisher.publish(b"jpeg", headers(0))
    assert tries == 3
    assert await on_bus(bus) == 1


async def test_it_waits_through_a_restart_of_the_server(nats_server: NatsServer, bus: Bus) -> None:
    taken: list[int] = []
    async with publishing(bus, 60) as stored:
        await until(lambda: len(stored) == CLIPS_IN_FLIGHT, "some are stored")
        await asyncio.to_thread(nats_server.restart)
        async with await connect(nats_server.address, "worker") as worker, background(serve(worker, taken)):
            await until(lambda: len(taken) >= 60, "all")
    assert taken == list(range(60))


async def test_a_frame_that_can_never_be_sent_and_a_bus_that_is_gone_for_good_are_errors(bus: Bus) -> None:
    publisher = RecordingPublisher(bus, FEED)
    with pytest.raises(MessageTooLarge):
        await publisher.publish(bytes(bus.client.max_payload), headers(0))
    await bus.client.close()
    with pytest.raises(BusUnavailable, match="ended the connection"):
        await publisher.publish(b"jpeg", headers(1))


async def test_what_nobody_took_is_withdrawn(bus: Bus) -> None:
    publisher = RecordingPublisher(bus, FEED)
    await publisher.publish(b"jpeg", headers(0))
    await withdraw(bus, FEED)
    assert await on_bus(bus) == 0
    await bus.close()
    with pytest.raises(BusUnavailable):
        await withdraw(bus, FEED)


@pytest.mark.parametrize("note", [b"", b"{}", b"\xff", b"[1]"])
async def test_a_malformed_note_makes_no_room(bus: Bus, note: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with publishing(bus, 9) as stored:
        await until(lambda: len(stored) == CLIPS_IN_FLIGHT, "as many as may be")
        await bus.client.publish(FEED.served, note)
        await until(lambda: "malformed" in caplog.text, "it is told")
        assert len(stored) == CLIPS_IN_FLIGHT

        async def full() -> bool:
            return await on_bus(bus) == CLIPS_IN_FLIGHT

        await until_async(full, "still full")
