"""Pictures of the main stream, asked for after the fact."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from time import time

import av
import cv2
import numpy as np
import pytest
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from gateway.processes.messages import ReaderPlan
from gateway.reading.interface import ReadOptions, Substream
from gateway.simulator import SimulatedCamera, Simulator
from gateway.sources.opening import Source, open_source
from gateway.sources.packets import packets
from gateway.substream.reader import SubstreamReader
from gateway.substream.stills import Film
from tests.gateway.run_gateway import Witness as BusWitness
from tests.gateway.run_gateway import configured, gateway, lasting_leases, pixels
from tests.gateway.run_reader import EVERY, PEDESTRIANS, Witness, output
from tests.gateway.two_streams import DOOR_POLYGON, FPS, Pixels, Stream, first_picture, purple
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.stills import StillWanted
from vedette.subjects import still
from vedette.view import WHOLE

STEP_S = 0.1
KEPT = 70
"""Packets of a film with a keyframe every 20."""


@pytest.fixture
def source() -> Iterator[Source]:
    opened = open_source(str(PEDESTRIANS), "auto", 5.0, threading.Event())
    assert opened is not None
    yield opened
    opened.close()


@pytest.fixture
def film(source: Source) -> Film:
    """The packets of a recording with B-frames, as if one had come every `STEP_S` from 0 s on."""
    film = Film(source, ReaderPlan("", (), ReadOptions()))
    for number, packet in enumerate(islice(packets(source, threading.Event()), KEPT)):
        assert packet is not None
        film.keep(packet, number * STEP_S)
    return film


@pytest.fixture(scope="module")
def frames() -> dict[int, Pixels]:
    """The recording's pictures, by the number of the packet of each."""
    shown = {}
    with av.open(str(PEDESTRIANS)) as container:
        stream = container.streams.video[0]
        stream.codec_context.copy_opaque = True
        for number, packet in enumerate(islice(container.demux(stream), KEPT + 5)):
            packet.opaque = number
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                assert isinstance(frame.opaque, int)
                shown[frame.opaque] = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    return shown


def most_like(jpeg: bytes, frames: dict[int, Pixels]) -> int:
    """The number of the frame that a picture shows."""
    picture = pixels(jpeg)
    return min(frames, key=lambda number: float(cv2.norm(picture, frames[number])))


@pytest.mark.parametrize("number", [66, 23, 41, 40, 59])
def test_the_frame_is_given_that_came_nearest(film: Film, frames: dict[int, Pixels], number: int) -> None:
    assert most_like(film.picture(number * STEP_S + 0.03), frames) == number
    assert most_like(film.picture(number * STEP_S - 0.03), frames) == number, "in any order"


def test_what_is_not_kept_any_more_or_has_not_come_is_not_given(film: Film) -> None:
    assert film.picture(10 * STEP_S) == b""
    assert film.picture((KEPT + 5) * STEP_S) == b""
    assert film.picture(50 * STEP_S)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return Stream((640, 360)).write(folder / "main.mp4"), Stream((320, 180)).write(folder / "small.mp4")


class Asking(Witness):
    """A camera's reader that runs, and what it answers."""

    def __init__(self, simulator: Simulator, main: str) -> None:
        super().__init__()
        substream = Substream(simulator.url("small"), WHOLE, stills=True)
        plan = ReaderPlan(main, (output(EVERY),), ReadOptions(), (DOOR_POLYGON,), None, substream)
        self.answers: dict[int, bytes] = {}
        self.stop = threading.Event()
        self.reader = SubstreamReader(plan, substream, self.take, self, on_still=self.answers.__setitem__)

    async def run(self) -> None:
        await asyncio.to_thread(self.reader.run, self.stop)

    async def answer(self) -> bytes:
        """To what is asked for now."""
        number = len(self.answers)
        self.reader.still(number, time())
        await until(lambda: number in self.answers, "an answer")
        return self.answers[number]


async def test_the_main_stream_is_read_while_pictures_of_it_are_wanted_and_no_longer(
    videos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.substream.stills._KEPT_OPEN_S", 1000.0)
    cameras = [SimulatedCamera(name, video, FPS) for name, video in zip(("main", "small"), videos, strict=True)]
    async with Simulator(cameras) as simulator:
        camera = Asking(simulator, simulator.url("main"))
        running = asyncio.create_task(camera.run())
        try:
            await until(lambda: camera.frames, "frames of the substream")
            await until(lambda: simulator.viewers("main") == 0, "nobody reads the main stream")
            jpeg = b""
            while not jpeg:  # the first ones come too early
                jpeg = await camera.answer()
                assert not running.done()
            assert pixels(jpeg).shape == (360, 640, 3)
            assert purple(pixels(jpeg)) == 0
            assert purple(first_picture(videos[0])) > 0.02, "it is there to be hidden"
            assert simulator.viewers("main") == 1
            assert camera.reader._stills is not None
            camera.reader._stills._wanted_until_s = 0.0  # time has passed
            await until(lambda: simulator.viewers("main") == 0, "it is left")
            count = len(camera.frames)
            await until(lambda: len(camera.frames) > count, "the substream goes on")
        finally:
            camera.stop.set()
            await asyncio.wait([running], timeout=90)
    assert running.done()
    assert {(frame.width, frame.height) for frame in camera.frames} == {(640, 360)}


async def test_a_main_stream_that_is_away_costs_pictures_of_it_alone(videos: tuple[Path, Path]) -> None:
    async with Simulator([SimulatedCamera("small", videos[1], FPS)]) as simulator:
        camera = Asking(simulator, simulator.url("small").replace("/small", "/away"))
        running = asyncio.create_task(camera.run())
        try:
            await until(lambda: camera.frames, "frames of the substream")
            assert [await camera.answer() for _ in range(3)] == [b"", b"", b""]
            count = len(camera.frames)
            await until(lambda: len(camera.frames) > count, "the substream goes on")
            assert not running.done()
        finally:
            camera.stop.set()
            await asyncio.wait([running], timeout=90)
    assert running.done()


async def test_pictures_are_asked_for_over_the_bus(
    nats_server: NatsServer, bus: Bus, videos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting_leases(monkeypatch)
    witness = await BusWitness.on(bus)

    async def ask(camera: str, question: bytes) -> bytes:
        answer = await bus.client.request(still("plant", camera), question, timeout=10)
        return bytes(answer.data)

    def now() -> bytes:
        return StillWanted.model_validate({"arrived_at": time()}).model_dump_json().encode()

    cameras = [SimulatedCamera(name, video, FPS) for name, video in zip(("main", "small"), videos, strict=True)]
    async with Simulator(cameras) as simulator:
        substream = {"url": simulator.url("small"), "view": {"offset": [0, 0], "scale": [1, 1]}}
        plain = {"url": simulator.url("main"), "substream": substream, "pipeline": "people"}
        giving = plain | {"substream": substream | {"snapshots": "main"}, "privacy": [DOOR_POLYGON]}
        async with gateway(configured(nats_server, {"gives": giving, "plain": plain})):
            await until(lambda: witness.of("gives") and witness.of("plain"), "frames of both")
            assert await ask("gives", b"{}") == b""
            jpeg = b""
            while not jpeg:
                with suppress(NatsTimeout):  # that gateway is not the camera's owner just now
                    jpeg = await ask("gives", now())
            assert pixels(jpeg).shape == (360, 640, 3)
            assert purple(pixels(jpeg)) == 0
            with pytest.raises(NoRespondersError):
                await ask("plain", now())
