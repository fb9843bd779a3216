"""A whole gateway in the test's process, and a witness of what it puts on the bus."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import cv2
import numpy as np
import psutil
import pytest
from nats.aio.msg import Msg
from prometheus_client import REGISTRY

from gateway.app import serve
from gateway.pictures.sampled_frame import SampledFrame
from gateway.simulator import SimulatedCamera, Simulator, SimulatorSettings
from tests.gateway.run_reader import WALK
from tests.nats_server import SMALL, NatsServer
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.frames import FrameHeaders
from vedette.messages import Status, StatusEvent
from vedette.process.shell import Stop
from vedette.streams import FRAMES
from vedette.subjects import Feed

SITE = "plant"
FPS = 25.0
FREE = Address(host="127.0.0.1", port=0)
PEOPLE = {"people": {"frame": {"width": 160}, "sampling": {"fps": 10}, "stages": [{"model": "coco-detector"}]}}


def configured(
    server: NatsServer, cameras: Mapping[str, Any], pipelines: Mapping[str, Any] = PEOPLE, **more: object
) -> Config:
    """A configuration; a camera that is a text is a URL or path for the pipeline `people`. Cameras are not refused for
    what the machine is doing beside."""
    whole = {
        name: {"url": camera, "pipeline": "people"} if isinstance(camera, str) else camera
        for name, camera in cameras.items()
    }
    shared = {"site": SITE, "nats": {"url": server.url}, "retention": SMALL, "gateway": {"capacity": "off"}}
    return Config.model_validate({**shared, "cameras": whole, "pipelines": pipelines, **more})


def simulated(*names: str, video: Path = WALK, **settings: object) -> Simulator:
    """Cameras that send `video` at `FPS`."""
    cameras = [SimulatedCamera(name, video, FPS) for name in names]
    return Simulator(cameras, SimulatorSettings(**settings))  # type: ignore[arg-type]


@asynccontextmanager
async def gateway(config: Config) -> AsyncIterator[Stop]:
    """A gateway that runs; asked to stop at the end, it must end in time and with success."""
    stop = Stop()
    task = asyncio.create_task(serve(config, FREE, stop))
    try:
        yield stop
    finally:
        stop.request()
        async with asyncio.timeout(90):
            assert await task == 0


def lasting_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that no stall of a slow machine ends, for a test of something else."""
    monkeypatch.setattr("vedette.buckets.MEMBERSHIP_TTL_S", 60.0)
    monkeypatch.setattr("vedette.fleet.leases.MEMBERSHIP_TTL_S", 60.0)


def decode_processes(of: int | None = None) -> list[psutil.Process]:
    """The decode processes of this process, or of the one with this id."""
    children = psutil.Process(of).children(recursive=True)
    return [child for child in children if any("decode_process" in word for word in _words(child))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended meanwhile
        return []


class Frame(NamedTuple):
    """A frame as it came."""

    feed: Feed
    headers: FrameHeaders
    jpeg: bytes
    came_s: float


class Witness:
    """Remembers the frames and states that were published since `on`."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.statuses: list[Status] = []

    @classmethod
    async def on(cls, bus: Bus) -> "Witness":
        witness = cls()
        await bus.client.subscribe("vedette.frame.>", cb=witness._frame)
        await bus.client.subscribe("vedette.status.>", cb=witness._status)
        await bus.settle()
        return witness

    def of(self, camera: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.feed.camera == camera]

    def states(self, camera: str) -> list[str]:
        """The camera's states, each as long as it lasted once."""
        states = [status.state for status in self.statuses if status.camera == camera]
        return [state for n, state in enumerate(states) if n == 0 or state != states[n - 1]]

    def last(self, camera: str) -> Status:
        return [status for status in self.statuses if status.camera == camera][-1]

    def is_(self, camera: str, state: str) -> bool:
        statuses = [status for status in self.statuses if status.camera == camera]
        return bool(statuses) and statuses[-1].state == state

    async def _frame(self, message: Msg) -> None:
        headers = FrameHeaders.decode(message.headers or {})
        self.frames.append(Frame(Feed.parse(message.subject), headers, message.data, monotonic()))

    async def _status(self, message: Msg) -> None:
        self.statuses.append(StatusEvent.model_validate_json(message.data).data)


def rate_of(frames: list[Frame]) -> float:
    """Frames a second of the camera's time: however late they came."""
    first, last = (frames[end].headers.pts for end in (0, -1))
    assert first is not None
    assert last is not None
    return (len(frames) - 1) / (last - first)


async def stored_picture(bus: Bus, feed: Feed) -> "np.ndarray[Any, Any]":
    """The frame that the stream FRAMES keeps, read with Direct Get; BGR."""
    stored = await bus.jetstream.get_last_msg(FRAMES, feed.frame, direct=True)
    assert stored.data is not None
    return pixels(stored.data)


def pixels(jpeg: bytes) -> "np.ndarray[Any, Any]":
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def dropped(camera: str, reason: str) -> float:
    """How many of a camera's frames the gateway dropped for this reason."""
    labels = {"camera": camera, "reason": reason, "hop": "gateway"}
    return REGISTRY.get_sample_value("vedette_frames_dropped_total", labels) or 0.0


def counted(name: str, **labels: str) -> float:
    """The value of a metric; 0 where it has none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def sampled(jpeg: bytes = b"jpeg", pipeline: str = "people") -> SampledFrame:
    """A frame that was sampled just now."""
    return SampledFrame(pipeline, jpeg, 1.0, 1.8e9, "arrival", monotonic(), 1.0, 1.0, 320, 240, 160, 120, True)
