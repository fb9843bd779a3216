"""A recording, read as fast as its frames are taken, and its messages in order."""

import asyncio
import datetime as dt
import sys
import threading
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SourceError
from gateway.pictures.sampled_frame import Output
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.recordings.recording import _READ_AHEAD, InOrder, Summary, publish_recording
from gateway.recordings.recording_publisher import RecordingPublisher
from gateway.sources.video_length import video_length_s
from tests.gateway.run_reader import PEDESTRIANS, WALK
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.frames import FrameHeaders
from vedette.messages import Detection, Detections, DetectionsEvent, FrameRef, Model, detections_event
from vedette.streams import CLIPS
from vedette.subjects import Feed

START_S = 1_700_000_000.0
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
EVERY = Output("people", 96, 60, Sampling())
AHEAD = 1 + 1 + _READ_AHEAD + 1  # one waits for its successor, one is published, one waits for a place


class Taken(RecordingPublisher):
    """Takes frames when it is told to, instead of a server."""

    def __init__(self) -> None:
        self.frames: list[FrameHeaders] = []
        self.gate = asyncio.Event()

    async def publish(self, jpeg: bytes, headers: FrameHeaders) -> None:
        await self.gate.wait()
        self.frames.append(headers)


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "recording"]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Reader]:
    """The readers that are made from now on."""
    made: list[Reader] = []

    def reader(*arguments: Any, **named: Any) -> Reader:
        made.append(Reader(*arguments, **named))
        return made[-1]

    monkeypatch.setattr("gateway.recordings.recording.Reader", reader)
    return made


def reading_waits() -> bool:
    """Whether the reading thread is in a place where it waits for the loop."""
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "recording"]
    return "result" in {frame.name for frame in traceback.extract_stack(sys._current_frames()[thread.ident or 0])}


def event(seq: int, final: bool = False, error: str | None = None, labels: tuple[str, ...] = ()) -> DetectionsEvent:
    frame = FrameRef(
        epoch=1, seq=seq, captured_at=NOW, arrived_at=NOW, clock="media", width=320, height=240, final=final
    )
    found = tuple(Detection(label=label, confidence=0.9, bbox=(0.1, 0.1, 0.2, 0.2)) for label in labels)
    model = Model(name="m", version="1.0.0", digest="sha256:0")
    return detections_event(
        Detections(site="s", camera="c", pipeline="p", frame=frame, model=model, detections=found, error=error)
    )


async def test_every_sampled_frame_is_published_once_on_the_recordings_own_clock(bus: Bus) -> None:
    publisher = RecordingPublisher(bus, Feed("people", "plant", "walk-1"))
    output = Output("people", 96, 60, Sampling(2))
    count = await publish_recording(WALK, output, START_S, 77, publisher)
    assert count == pytest.approx(2 * video_length_s(WALK), abs=1)
    stored = [await bus.jetstream.get_msg(CLIPS, seq) for seq in range(1, count + 1)]
    frames = [FrameHeaders.decode(message.headers or {}) for message in stored]
    assert [(frame.epoch, frame.seq) for frame in frames] == [(77, seq) for seq in range(count)]
    assert [frame.final for frame in frames] == [False] * (count - 1) + [True]
    assert {(frame.clock, frame.budget_ms, frame.width) for frame in frames} == {("media", None, 320)}
    assert frames[0].captured_at.timestamp() == START_S
    gaps = [(b.captured_at - a.captured_at).total_seconds() for a, b in pairwise(frames)]
    assert gaps == pytest.approx([0.5] * (count - 1), abs=0.05)


async def test_reading_waits_for_a_publisher_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, read = Taken(), watched(monkeypatch)
    task = asyncio.create_task(publish_recording(PEDESTRIANS, EVERY, START_S, 1, publisher))
    await until(lambda: read and read[0].stats.sampled == AHEAD, "it has read ahead")
    await until(reading_waits, "the thread waits for room")
    assert read[0].stats.sampled == AHEAD
    assert not task.done()
    publisher.gate.set()
    assert await task == 400
    assert [frame.seq for frame in publisher.frames] == list(range(400))
    assert [frame.final for frame in publisher.frames] == [False] * 399 + [True]
    await until(lambda: not readers(), "the thread has ended")


async def test_cancellation_ends_the_reading_thread_that_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, read = Taken(), watched(monkeypatch)
    task = asyncio.create_task(publish_recording(PEDESTRIANS, EVERY, START_S, 1, publisher))
    await until(lambda: read and read[0].stats.sampled == AHEAD, "it has read ahead")
    await until(reading_waits, "the thread waits for room")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 90)
    await until(lambda: not readers(), "the thread has ended")


async def test_a_publisher_that_fails_ends_the_reading_thread() -> None:
    class Failing(Taken):
        async def publish(self, jpeg: bytes, headers: FrameHeaders) -> None:
            raise BusUnavailable("full")

    with pytest.raises(BusUnavailable, match="full"):
        await publish_recording(PEDESTRIANS, EVERY, START_S, 1, Failing())
    await until(lambda: not readers(), "the thread has ended")


async def test_a_file_that_is_no_video_is_said(tmp_path: Path) -> None:
    file = tmp_path / "no.mp4"
    file.write_bytes(b"nothing of the kind" * 100)
    publisher = Taken()
    publisher.gate.set()
    with pytest.raises(SourceError, match=r"no\.mp4"):
        await publish_recording(file, EVERY, START_S, 1, publisher)
    assert not publisher.frames
    with pytest.raises(SourceError, match=r"no\.mp4"):
        video_length_s(file)


def test_a_videos_length_is_told() -> None:
    assert video_length_s(PEDESTRIANS) == pytest.approx(40, abs=0.2)


@given(st.permutations(range(9)), st.lists(st.integers(0, 8), max_size=20))
def test_order_is_restored_whatever_comes_when_and_however_often(order: list[int], again: list[int]) -> None:
    in_order, given_out = InOrder(), list[int]()
    for n, seq in enumerate(order):
        assert not in_order.complete
        for number in (seq, *(other for other in again if other in order[: n + 1])):
            given_out += [ready.data.frame.seq for ready in in_order.add(event(number, final=number == 8))]
    assert given_out == list(range(9))
    assert in_order.complete


def test_the_summary_counts_objects_and_frames_without_result() -> None:
    summary = Summary()
    summary.add(event(0, labels=("person", "person", "car")))
    summary.add(event(1, error="undecodable"))
    assert (summary.frames, summary.errors) == (2, 1)
    assert summary.labels == {"person": 2, "car": 1}
