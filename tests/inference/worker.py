"""An inference worker inside the test, and cameras that feed it as a gateway does."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from nats.aio.msg import Msg
from numpy.typing import NDArray

from inference import picture_model
from inference.cascade.cascade import Cascade
from inference.dataplane import DataPlane
from inference.repository.folder import Model, Repository
from inference.stream.clip_consumer import ClipConsumer
from inference.stream.frame_traces import FrameTraces
from inference.stream.intake import Intake
from inference.stream.latest_frames import LatestFrames
from inference.stream.live_consumer import LiveConsumer
from inference.stream.results import Results
from inference.stream.room import Room
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens
from tests.waiting import DEADLINE_S, until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import Pipeline
from vedette.consumers import clip_consumer, work_consumer
from vedette.errors import BusFull, BusUnavailable
from vedette.frames import FrameHeaders
from vedette.messages import Detections, DetectionsEvent, Served
from vedette.streams import CLIPS, WORK
from vedette.subjects import Feed
from vedette.tracing.tracer import Tracer

ROOT = Path(__file__).resolve().parents[2]
MODEL = Repository(ROOT / "models").resolve("coco-detector")
PEOPLE = Pipeline.model_validate({"stages": [{"model": "coco-detector@^1", "confidence": 0.4}]})
HEADERS = FrameHeaders(
    epoch=7,
    seq=0,
    pts=1.5,
    captured_at=dt.datetime(2026, 11, 22, 12, 0, 0, 482_000, dt.UTC),
    clock="rtcp",
    age_ms=10.0,
    budget_ms=30_000.0,  # machines that run tests are slow
    width=768,
    height=576,
)


@cache
def pictures(count: int = 16) -> list[NDArray[np.uint8]]:
    """Frames of the demo video as pipelines see them: every twelfth, BGR, 640 wide."""
    with av.open(str(ROOT / "media/pedestrians.mp4")) as container:
        frames = islice(container.decode(video=0), 0, 12 * count, 12)
        return [np.asarray(cv2.resize(frame.to_ndarray(format="bgr24"), (640, 480)), np.uint8) for frame in frames]


@cache
def jpegs(count: int = 16) -> list[bytes]:
    return [encoded(picture) for picture in pictures(count)]


def encoded(picture: NDArray[np.uint8]) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=85, colorspace="BGR")
    return data


@dataclass
class Camera:
    """One camera's feed onto the bus, frame and token in the order of the contract."""

    bus: Bus
    name: str = "gate"
    pipeline: str = "people"
    headers: FrameHeaders = HEADERS

    @property
    def feed(self) -> Feed:
        return Feed(self.pipeline, "plant-1", self.name)

    async def frame(self, seq: int, jpeg: bytes | None = None, **changed: object) -> None:
        """A live frame; its token follows when it is stored."""
        headers = replace(self.headers, seq=seq, **changed).encode()  # type: ignore[arg-type]
        await self.raw(jpegs()[seq % len(jpegs())] if jpeg is None else jpeg, headers)

    async def raw(self, jpeg: bytes, headers: dict[str, str]) -> None:
        await self._store(self.feed.frame, jpeg, headers)
        await self.offer()

    async def offer(self) -> None:
        await self.bus.client.publish(self.feed.work, b"")

    async def clip(self, seq: int, jpeg: bytes | None = None, **changed: object) -> None:
        """A recording's frame."""
        headers = replace(self.headers, seq=seq, budget_ms=None, **changed)  # type: ignore[arg-type]
        data = jpegs()[seq % len(jpegs())] if jpeg is None else jpeg
        await self._store(self.feed.clip, data, headers.encode(), f"{self.name}-{headers.epoch}-{seq}")

    async def _store(self, subject: str, data: bytes, headers: dict[str, str], message_id: str | None = None) -> None:
        """Again, where a server that is there takes longer to answer than the product waits."""
        for _ in range(10):
            try:
                await self.bus.publish_confirmed(subject, data, headers, message_id)
                return
            except BusUnavailable as error:
                if isinstance(error, BusFull) or not self.bus.connected:
                    raise
        raise BusUnavailable(f"{subject}: no answer to ten attempts")


@dataclass
class Notes:
    """What is published: detections and `served` notes, in order of arrival."""

    messages: list[Msg] = field(default_factory=list)
    served: list[tuple[str, Served]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[Detections]:
        return [DetectionsEvent.model_validate_json(message.data).data for message in self.messages]

    async def until_served(self, count: int, camera: str = "", deadline_s: float = DEADLINE_S) -> None:
        """Wait for that many `served` notes, of one camera or of all."""

        def noted() -> int:
            return sum(subject.endswith(f".{camera}") or not camera for subject, _ in self.served)

        await until(lambda: noted() >= count, f"{count} notes {camera}", deadline_s)

    def of(self, camera: str) -> list[Served]:
        return [note for subject, note in self.served if subject.endswith(f".{camera}")]

    def seqs(self, camera: str = "gate") -> list[int]:
        return [event.frame.seq for event in self.events if event.camera == camera]

    @property
    def outcomes(self) -> list[str]:
        return [note.outcome for _, note in self.served]


async def listen(bus: Bus) -> Notes:
    """Everything that is published from now on."""
    notes = Notes()

    async def on_event(message: Msg) -> None:
        notes.messages.append(message)
        notes.order.append("event")

    async def on_served(message: Msg) -> None:
        notes.served.append((message.subject, Served.model_validate_json(message.data)))
        notes.order.append("served")

    await bus.client.subscribe("vedette.detections.>", cb=on_event)
    await bus.client.subscribe("vedette.served.>", cb=on_served)
    await bus.client.flush()
    return notes


@dataclass
class Worker:
    """What `inference.app` builds, in pieces."""

    bus: Bus
    plane: DataPlane
    tokens: Tokens
    clock: ServerClock
    frames: LatestFrames
    intakes: list[Intake]

    def stop(self) -> None:
        for intake in self.intakes:
            intake.stop()

    @property
    def ready(self) -> bool:
        return all(intake.ready for intake in self.intakes)


async def lasting_frames(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames and tokens that don't age out on a slow machine, for a test of something else."""
    monkeypatch.setattr("vedette.streams.LIVE_FRAME_MAX_AGE_S", 3600.0)
    await bus.ensure()


@asynccontextmanager
async def open_plane(sessions: int = 2, model: Model = MODEL) -> AsyncIterator[DataPlane]:
    """The real model, without the warm-up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_model, "USUAL_ASPECTS", ())
        plane = DataPlane(model, "cpu", sessions, threads=1, decoders=2)
        await plane.start()
    try:
        yield plane
    finally:
        await plane.close(grace_s=1)


@asynccontextmanager
async def working(
    bus: Bus,
    plane: DataPlane,
    pipeline: Pipeline = PEOPLE,
    cascade: Cascade | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[Worker]:
    """A worker of the pipeline `people` while the body runs; ended as on a stop."""
    tokens, clock, frames = Tokens(bus), ServerClock(bus), LatestFrames(bus)
    results, traces = Results(bus, pipeline), None if tracer is None else FrameTraces(tracer, clock)
    live = LiveConsumer(bus, plane, results, tokens, frames, clock, cascade, traces)
    clips = ClipConsumer(plane, results, tokens, cascade, traces)
    intakes = [
        Intake(bus, WORK, work_consumer("people"), Room(plane), live.serve),
        Intake(bus, CLIPS, clip_consumer("people"), Room(plane), clips.serve),
    ]
    worker = Worker(bus, plane, tokens, clock, frames, intakes)
    await clock.measure()
    async with background(tokens.keep_alive(), clock.run(), frames.run()), asyncio.TaskGroup() as group:
        for intake in intakes:
            group.create_task(intake.run())
        await until(lambda: worker.ready, "the worker is ready")
        try:
            yield worker
        finally:
            worker.stop()


async def stored(bus: Bus, stream: str) -> int:
    """How many messages a stream holds."""
    return int((await bus.jetstream.stream_info(stream)).state.messages)


async def pending(bus: Bus, stream: str, consumer: str) -> tuple[int, int]:
    """(not delivered, delivered and not acknowledged)."""
    answer = await bus.client.request(f"$JS.API.CONSUMER.INFO.{stream}.{consumer}", b"", timeout=90)
    info = json.loads(answer.data)
    return info["num_pending"], info["num_ack_pending"]
