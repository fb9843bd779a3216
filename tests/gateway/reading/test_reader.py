"""Reading files: every frame of a recording, a camera's pace, loops, and a stop at any point."""

import itertools
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import monotonic

import av
import cv2
import numpy as np
import pytest

from gateway.errors import Reason, SourceError
from gateway.pictures.sampled_frame import SampledFrame
from gateway.reading.interface import ReadOptions
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from tests.gateway.run_gateway import pixels
from tests.gateway.run_reader import PEDESTRIANS, WALK, WALK_H265, WALK_ODD, Witness, output, read, running


def encoded(path: Path, codec: str = "libx264", change: Callable[[av.VideoStream], None] | None = None) -> Path:
    """A second of 320x240 at 10 fps: white in the upper left corner, grey elsewhere."""
    picture = np.full((240, 320, 3), 90, np.uint8)
    picture[:60, :80] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p" if codec == "libx264" else "yuvj420p"
        if change is not None:
            change(stream)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("video", "count"), [(WALK, 30), (WALK_H265, 40), (WALK_ODD, 30), (PEDESTRIANS, 400)])
def test_every_frame_of_a_recording_comes_once_and_in_order(video: Path, count: int) -> None:
    frames = read(video)
    assert [frame.pts_s for frame in frames] == pytest.approx([i / 10 for i in range(count)])


def test_a_recordings_frames_carry_its_own_time() -> None:
    frames = read(WALK, Sampling(2), ReadOptions(media_start=1_700_000_000.0))
    assert [frame.captured_at - 1_700_000_000 for frame in frames] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5])
    assert {frame.clock for frame in frames} == {"media"}


def test_a_recording_gives_the_same_frames_each_time_whatever_the_sink_takes() -> None:
    witness, pause = Witness(), threading.Event()

    def slow(frame: SampledFrame) -> None:
        pause.wait(0.05)
        witness.take(frame)

    Reader(str(WALK), [output(Sampling(3))], slow, witness).run(threading.Event())
    quick = read(WALK, Sampling(3))
    assert [(f.pts_s, f.jpeg) for f in witness.frames] == [(f.pts_s, f.jpeg) for f in quick]


def test_sampling_an_hour_by_keyframes_decodes_nothing_else() -> None:
    witness = Witness()
    reader = Reader(str(PEDESTRIANS), [output(Sampling(keyframes=True))], witness.take, witness)
    reader.run(threading.Event())
    assert [frame.pts_s for frame in witness.frames] == pytest.approx([2.0 * i for i in range(20)])
    assert all(frame.keyframe for frame in witness.frames)
    assert (reader.stats.decoded, reader.stats.packets) == (20, 400)


def test_a_rate_below_that_of_the_keyframes_goes_over_to_them_without_losing_a_sample() -> None:
    witness = Witness()
    reader = Reader(str(PEDESTRIANS), [output(Sampling(0.5))], witness.take, witness)
    reader.run(threading.Event())
    assert [frame.pts_s for frame in witness.frames] == pytest.approx([2.0 * i for i in range(20)], abs=0.1)
    assert reader.stats.decode == "keyframes"
    assert reader.stats.keyframe_gap_s == pytest.approx(2)
    assert reader.stats.decoded < 70


def test_keyframes_alone_are_the_same_pictures() -> None:
    alone = read(PEDESTRIANS, Sampling(keyframes=True))
    among_all = {frame.pts_s: frame.jpeg for frame in read(PEDESTRIANS)}
    assert all(among_all[frame.pts_s] == frame.jpeg for frame in alone)


def test_pipelines_share_a_decode_at_their_own_size_and_rate() -> None:
    witness = Witness()
    outputs = [
        output(Sampling(2), 320, "people"),
        output(Sampling(5), 100, "cars"),
        output(Sampling(2), 320, "faces"),
    ]
    reader = Reader(str(WALK), outputs, witness.take, witness)
    reader.run(threading.Event())
    by = {name: [f for f in witness.frames if f.pipeline == name] for name in ("people", "cars", "faces")}
    assert [len(frames) for frames in by.values()] == [6, 15, 6]
    assert {(f.jpeg_width, f.jpeg_height) for f in by["cars"]} == {(100, 74)}
    assert [f.jpeg for f in by["people"]] == [f.jpeg for f in by["faces"]]
    assert (reader.stats.decoded, reader.stats.sampled) == (30, 27)


def test_frames_say_what_is_displayed_and_what_it_cost() -> None:
    frame = read(WALK_ODD)[3]
    assert (frame.width, frame.height, frame.jpeg_width, frame.jpeg_height) == (557, 314, 160, 90)
    assert 0 < frame.decode_ms < 1000
    assert 0 < frame.encode_ms < 1000


def test_a_turned_recording_is_turned_back(tmp_path: Path) -> None:
    video = encoded(tmp_path / "turned.mp4", change=lambda stream: stream.set_display_rotation(90))
    frame = read(video)[-1]
    image = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    assert (frame.width, frame.height) == (240, 320)
    assert image[-20:, :20].mean() > 230  # counterclockwise: the upper left corner is the lower left one
    assert image[:20, :20].mean() < 120


def test_the_pixel_aspect_of_the_container_counts(tmp_path: Path) -> None:
    def wide(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)

    frame = read(encoded(tmp_path / "wide.mp4", change=wide))[0]
    assert (frame.width, frame.height, frame.jpeg_width, frame.jpeg_height) == (640, 240, 160, 60)


def test_motion_jpeg_is_read(tmp_path: Path) -> None:
    assert len(read(encoded(tmp_path / "cam.avi", "mjpeg"))) == 10


def test_a_stream_without_time_stamps_is_sampled_at_its_declared_rate(tmp_path: Path) -> None:
    raw = tmp_path / "raw.h264"
    with av.open(str(WALK)) as source, av.open(str(raw), "w", format="h264") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                sink.mux(packet)
    frames = read(raw, Sampling(5))
    assert 4 <= len(frames) <= 15


async def test_a_paced_file_comes_as_from_a_camera() -> None:
    started = monotonic()
    async with running(WALK, options=ReadOptions(paced=True)) as run:
        await run.until(lambda: len(run.frames) >= 16)
    elapsed = monotonic() - started
    late = [f.arrived_monotonic - run.frames[0].arrived_monotonic - (f.pts_s or 0) for f in run.frames]
    assert elapsed > 1.4
    assert -0.05 < sorted(late)[len(late) // 2] < 1  # a stall of the machine makes some of them late
    assert {frame.clock for frame in run.frames} == {"arrival"}


async def test_a_looped_file_runs_on() -> None:
    async with running(WALK_H265, Sampling(5), options=ReadOptions(loop=True)) as run:
        await run.until(lambda: len(run.frames) >= 75)
    times = [frame.pts_s or 0.0 for frame in run.frames[:75]]
    assert times == pytest.approx([i / 5 for i in range(75)])
    assert len(run.infos) >= 4


async def test_a_paced_loop_has_no_seam() -> None:
    async with running(WALK, options=ReadOptions(loop=True, paced=True)) as run:
        await run.until(lambda: len(run.frames) >= 34)
    arrivals = [frame.arrived_monotonic for frame in run.frames]
    assert max(b - a for a, b in itertools.pairwise(arrivals)) < 0.35
    assert arrivals[33] - arrivals[0] == pytest.approx(3.3, abs=0.4)


async def test_arrival_follows_a_frame_through_reordering() -> None:
    async with running(PEDESTRIANS, options=ReadOptions(paced=True)) as run:
        await run.until(lambda: len(run.frames) >= 12)
    by_arrival = sorted(run.frames, key=lambda frame: frame.arrived_monotonic)
    assert [f.pts_s for f in by_arrival] != [f.pts_s for f in run.frames]  # B-frames arrive after what they refer to
    assert {f.pts_s for f in by_arrival} == {f.pts_s for f in run.frames}


async def test_a_stop_ends_a_wait_for_the_next_packet_at_once(tmp_path: Path) -> None:
    def slow(stream: av.VideoStream) -> None:
        stream.codec_context.time_base = Fraction(2)

    video = encoded(tmp_path / "slow.mp4", change=slow)
    async with running(video, options=ReadOptions(paced=True)) as run:
        await run.until(lambda: bool(run.infos))
        assert await run.stopped_after() < 5


def test_a_stop_before_the_start_reads_nothing() -> None:
    witness, stop = Witness(), threading.Event()
    stop.set()
    Reader(str(WALK), [output()], witness.take, witness).run(stop)
    assert not witness.frames


def test_a_damaged_recording_gives_its_sound_frames_and_counts_the_others(tmp_path: Path) -> None:
    data = bytearray(PEDESTRIANS.read_bytes())
    rng = np.random.default_rng(1)
    for at in rng.integers(1_000_000, 2_000_000, 400):
        data[at] ^= 0xFF
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    witness = Witness()
    reader = Reader(str(damaged), [output()], witness.take, witness)
    reader.run(threading.Event())
    assert reader.stats.corrupt > 5
    assert 50 < len(witness.frames) <= 400 - reader.stats.corrupt + 5
    assert reader.stats.decoded == len(witness.frames) + reader.stats.held
    clean = {frame.pts_s: pixels(frame.jpeg) for frame in read(PEDESTRIANS)}
    worst = max(np.abs(pixels(f.jpeg).astype(int) - clean[f.pts_s]).max() for f in witness.frames)
    assert worst == 0


def test_a_file_whose_video_is_all_garbage_is_undecodable(tmp_path: Path) -> None:
    data = bytearray(WALK.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = np.random.default_rng(1).bytes(len(data) - start)
    (tmp_path / "garbage.mp4").write_bytes(data)
    with pytest.raises(SourceError, match="nothing in it can be decoded") as caught:
        read(tmp_path / "garbage.mp4")
    assert caught.value.reason is Reason.UNDECODABLE


def test_a_sinks_error_is_not_swallowed_and_the_file_is_closed() -> None:
    def broken(_: SampledFrame) -> None:
        raise RuntimeError("the sink broke")

    with pytest.raises(RuntimeError, match="the sink broke"):
        Reader(str(WALK), [output()], broken, Witness()).run(threading.Event())
