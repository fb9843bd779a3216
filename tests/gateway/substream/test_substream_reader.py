"""A camera with a substream: its frames are of the substream, and said of the main stream's picture."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.errors import SourceError
from gateway.gate import GatePolicy
from gateway.pictures.privacy import Polygon
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes.messages import ReaderPlan
from gateway.reading.interface import ReaderStats, ReadOptions, StreamInfo, Substream
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from gateway.substream.reader import SubstreamReader
from gateway.substream.sight import sight
from gateway.substream.streams import TwoStreams, Until
from tests.gateway.run_gateway import pixels
from tests.gateway.run_reader import Witness
from tests.gateway.two_streams import CUT, DOOR_POLYGON, FPS, Pixels, Stream, first_picture, purple
from tests.waiting import until
from vedette.view import WHOLE, View

MAIN, SMALL = (640, 360), (320, 240)
PEOPLE = Output("people", 160, 85, Sampling(5))
FACES = Output("faces", 640, 85, Sampling(5))

Make = Callable[[Stream], Path]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A clip; each is made once."""
    made: dict[Stream, Path] = {}

    def make(stream: Stream) -> Path:
        if stream not in made:
            made[stream] = stream.write(tmp_path_factory.mktemp("clips") / "clip.mp4")
        return made[stream]

    return make


def dark(picture: Pixels) -> float:
    """How much of a picture is black."""
    return float((picture.max(axis=2) < 24).mean())


class Run(Witness):
    """A reader that runs in a thread."""

    def __init__(self, plan: ReaderPlan) -> None:
        super().__init__()
        assert plan.substream is not None
        self.stop = threading.Event()
        self.reader = SubstreamReader(plan, plan.substream, self.take, self)
        self.thread = asyncio.create_task(asyncio.to_thread(self.reader.run, self.stop))

    def gate_is(self, mode: str) -> bool:
        return self.reader.stats.gate == mode

    def of(self, pipeline: str) -> list[SampledFrame]:
        return [frame for frame in self.frames if frame.pipeline == pipeline]

    async def until(self, condition: Callable[[], object], what: str) -> None:
        def met() -> object:
            if self.thread.done():
                self.thread.result()
            return condition()

        await until(met, what)

    async def info(self) -> StreamInfo:
        await self.until(lambda: self.infos, "the stream is told")
        return self.infos[-1]


@asynccontextmanager
async def camera(main: Path, small: Path) -> AsyncIterator[Simulator]:
    simulator = Simulator([SimulatedCamera("main", main, FPS), SimulatedCamera("small", small, FPS)])
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.close()


@asynccontextmanager
async def reading(
    simulator: Simulator,
    *outputs: Output,
    main: str | None = None,
    view: View | None = None,
    privacy: Sequence[Polygon] = (),
    gate: GatePolicy | None = None,
    dead_s: float = 10.0,
) -> AsyncIterator[Run]:
    substream = Substream(simulator.url("small"), view)
    options = ReadOptions(gate=gate, stall_s=dead_s / 2, dead_s=dead_s)
    run = Run(ReaderPlan(main or simulator.url("main"), outputs or (PEOPLE,), options, privacy, None, substream))
    try:
        yield run
    finally:
        run.stop.set()
        await asyncio.wait([run.thread], timeout=90)
        assert run.thread.done()


async def test_frames_of_the_substream_are_said_of_the_main_picture(clip: Make) -> None:
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL, CUT))) as simulator, reading(simulator) as run:
        await run.until(lambda: len(run.frames) >= 3, "frames")
        frame, info = run.frames[0], await run.info()
    assert (frame.width, frame.height) == MAIN
    assert (frame.jpeg_width, frame.jpeg_height) == (160, 120)
    assert frame.view.apart(CUT) < 0.003
    assert (info.width, info.height) == MAIN
    assert info.substream is not None
    assert (info.substream.width, info.substream.height, info.substream.pipelines) == (*SMALL, ("people",))
    assert (info.substream.known, info.substream.reason, info.substream.view) == ("measured", None, frame.view)
    assert run.lives == 1


async def test_a_given_view_is_believed(clip: Make) -> None:
    given = View(0.0, 0.1, 1.0, 0.8)
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL, CUT))) as simulator, reading(simulator, view=given) as run:
        await run.until(lambda: run.frames, "a frame")
        assert (await run.info()).substream.known == "given"  # type: ignore[union-attr]
    assert {frame.view for frame in run.frames} == {given}


async def test_a_view_that_can_not_be_told_is_assumed_to_be_the_whole_and_measured_again(
    clip: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.substream.reader._AGAIN_S", (0.3,) * 20)
    by_night, by_day = clip(Stream(SMALL, CUT, dark=True)), clip(Stream(SMALL, CUT))
    async with camera(clip(Stream(MAIN)), by_night) as simulator, reading(simulator) as run:
        await run.until(lambda: run.frames, "a frame")
        night = (await run.info()).substream
        assert night is not None
        assert (night.known, night.view) == ("assumed", WHOLE)
        assert night.reason is not None
        await simulator.switch("small", by_day)
        await run.until(lambda: run.frames[-1].view != WHOLE, "it is measured")
        day = (await run.info()).substream
        assert day is not None
        assert (day.known, day.view) == ("measured", run.frames[-1].view)
        assert day.view.apart(CUT) < 0.003


async def test_while_the_view_is_not_known_and_something_is_private_frames_are_of_the_main_stream(
    clip: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.substream.reader._AGAIN_S", (0.3,) * 20)
    by_night, by_day = clip(Stream(SMALL, CUT, dark=True)), clip(Stream(SMALL, CUT))
    async with (
        camera(clip(Stream(MAIN)), by_night) as simulator,
        reading(simulator, privacy=[DOOR_POLYGON]) as run,
    ):
        await run.until(lambda: run.frames, "a frame")
        night = (await run.info()).substream
        assert night is not None
        assert (night.known, night.pipelines) == ("assumed", ())
        await simulator.switch("small", by_day)
        await run.until(lambda: run.frames[-1].view != WHOLE, "it is measured")
        await run.until(lambda: len([frame for frame in run.frames if frame.view != WHOLE]) > 3, "more frames")
    assert {frame.jpeg_height for frame in run.frames if frame.view == WHOLE} == {90}, "16:9, as the main stream"
    assert max(purple(pixels(frame.jpeg)) for frame in run.frames) == 0


@pytest.mark.parametrize(
    ("known", "view"),
    [("measured", CUT), ("measured", View(0.0, 0.0, 1.0, 1.2)), ("given", View(0.3, 0.3, 0.6, 0.6))],
)
async def test_what_is_private_in_the_main_picture_is_black_in_the_substreams(
    clip: Make, view: View, known: str
) -> None:
    given, wide = view if known == "given" else None, Output("wide", 320, 95, Sampling(5))
    small = clip(Stream(SMALL, view))
    async with (
        camera(clip(Stream(MAIN)), small) as simulator,
        reading(simulator, PEOPLE, wide, view=given, privacy=[DOOR_POLYGON]) as run,
    ):
        await run.until(lambda: len(run.of("wide")) > 2, "frames")
        assert (await run.info()).substream.known == known  # type: ignore[union-attr]
    assert purple(first_picture(small)) > 0.02, "it is there to be hidden"
    assert max(purple(pixels(frame.jpeg)) for frame in run.frames) == 0
    black = dark(pixels(run.of("wide")[0].jpeg)) - dark(first_picture(small))
    beyond = 1 - view.shown / (view.width * view.height)
    door = 0.15 * 0.3 / (view.width * view.height)
    assert 0.8 * (door + beyond) < black < 1.9 * door + beyond + 0.04, "and not much more"


async def test_a_main_stream_that_is_not_there_does_not_keep_the_substream_from_being_read(clip: Make) -> None:
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL))) as simulator:
        gone = simulator.url("main").replace("rtsp://", "rtsp://user:s3cret@").replace("/main", "/gone")
        async with reading(simulator, main=gone) as run:
            await run.until(lambda: run.frames, "a frame")
            info = await run.info()
    assert info.substream is not None
    assert info.substream.known == "assumed"
    assert info.substream.reason is not None
    assert info.substream.reason.startswith("the main stream can't be read: ")
    assert "s3cret" not in repr(info)
    assert (info.width, info.height) == (run.frames[0].width, run.frames[0].height) == SMALL


async def test_a_substream_that_is_not_there_is_the_cameras_failure(clip: Make) -> None:
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL))) as simulator:
        substream = Substream(simulator.url("small").replace("/small", "/gone"))
        run = Run(ReaderPlan(simulator.url("main"), (PEOPLE,), ReadOptions(), substream=substream))
        with pytest.raises(SourceError, match="/gone"):
            await run.thread


async def test_a_pipeline_that_wants_more_than_the_substream_has_gets_the_main_stream(clip: Make) -> None:
    async with (
        camera(clip(Stream(MAIN)), clip(Stream(SMALL, CUT))) as simulator,
        reading(simulator, PEOPLE, FACES) as run,
    ):
        await run.until(lambda: len(run.of("people")) > 3 and len(run.of("faces")) > 3, "frames of both")
        info = await run.info()
    assert info.substream is not None
    assert info.substream.pipelines == ("people",)
    assert {(frame.jpeg_width, frame.view) for frame in run.of("faces")} == {(640, WHOLE)}
    assert {(frame.width, frame.height) for frame in run.frames} == {MAIN}


async def test_another_size_of_the_substream_is_looked_at_anew_before_anything_of_it_is_handed_over(clip: Make) -> None:
    wide = clip(Stream((320, 180)))
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL, CUT))) as simulator, reading(simulator) as run:
        await run.until(lambda: run.frames, "a frame")
        await simulator.switch("small", wide)
        await run.until(lambda: run.frames[-1].view == WHOLE, "it is measured again")
    for frame in run.frames:
        assert (frame.jpeg_height == 120) == (frame.view != WHOLE)


async def test_what_is_broken_ends_the_run_and_the_next_one_goes_on(clip: Make) -> None:
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL, CUT))) as simulator, reading(simulator, FACES) as run:
        await run.until(lambda: run.frames, "a frame")
        simulator.vanish("main")
        with pytest.raises(SourceError, match="/main"):
            await run.thread
        simulator.resume("main")
        count = len(run.frames)
        run.thread = asyncio.create_task(asyncio.to_thread(run.reader.run, run.stop))
        await run.until(lambda: len(run.frames) > count, "frames again")


async def test_pictures_that_were_never_as_they_were_seen_are_a_failure_and_not_looked_at_for_ever(clip: Make) -> None:
    async with camera(clip(Stream(MAIN)), clip(Stream(SMALL))) as simulator:
        substream, options = Substream(simulator.url("small")), ReadOptions()
        plan, witness = ReaderPlan(simulator.url("main"), (PEOPLE,), options, substream=substream), Witness()
        seen = await asyncio.to_thread(sight, plan.url, substream, options, threading.Event())
        assert seen is not None
        other = replace(seen, substream_size=(352, 288))
        streams = TwoStreams(plan, substream.url, other, witness.take, witness, ReaderStats())
        with pytest.raises(SourceError, match="320x240, and were 352x288"):
            await asyncio.to_thread(streams.run, Until(threading.Event()))
    assert not witness.frames


WALK_S = (4.0, 5.5)
QUICK = GatePolicy(refresh_s=60, close_after_s=1.0)


async def test_the_main_stream_is_decoded_while_the_gate_of_the_substream_is_open_from_the_onset_on(clip: Make) -> None:
    main, small = (clip(Stream(size, seconds=9, moving=WALK_S, gop=10)) for size in (MAIN, SMALL))
    async with camera(main, small) as simulator, reading(simulator, PEOPLE, FACES, gate=QUICK, dead_s=1.5) as run:
        for mode in ("open", "idle", "open", "idle"):
            await run.until(partial(run.gate_is, mode), f"the gate is {mode}")
        assert run.reader.streams is not None
        small_stats, main_stats = (reader.stats for reader in run.reader.streams.readers)
        simulator.stall("main")
        with pytest.raises(SourceError, match="/main: nothing for"):  # and not before, though none was decoded
            await run.until(lambda: False, "it fails")
    for stats in (small_stats, main_stats):
        assert stats.gated > 10
        assert stats.corrupt == 0
    onsets = [[frame for frame in run.of(pipeline) if frame.gate == "onset"] for pipeline in ("people", "faces")]
    assert abs(onsets[0][0].captured_at - onsets[1][0].captured_at) < 1.0
    for pipeline, onset in zip(("people", "faces"), onsets, strict=True):
        times = [frame.pts_s or 0.0 for frame in run.of(pipeline)]
        assert times == sorted(set(times))
        walked = [at for at in times if at >= (onset[0].pts_s or 0.0)]
        assert walked[-1] - walked[0] > WALK_S[1] - WALK_S[0]
        assert len(walked) > (walked[-1] - walked[0]) * 2, "five a second, but for what a stall of the machine took"
        idle_s = max(after - before for before, after in pairwise(times))
        assert idle_s > 1.5, "nothing while nothing moved"


async def test_a_gate_alone_on_the_substream_opens_the_main_stream(clip: Make) -> None:
    main, small = (clip(Stream(size, seconds=9, moving=WALK_S, gop=10)) for size in (MAIN, SMALL))
    async with camera(main, small) as simulator, reading(simulator, FACES, gate=QUICK) as run:
        await run.until(lambda: run.reader.stats.gate == "idle", "the gate is idle")
        await run.until(lambda: any(frame.gate == "onset" for frame in run.frames), "an onset")
        assert (await run.info()).substream.pipelines == ()  # type: ignore[union-attr]
    assert {(frame.pipeline, frame.jpeg_width) for frame in run.frames} == {("faces", 640)}
