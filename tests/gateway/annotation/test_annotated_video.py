"""The annotated video has the recording's frames at their times, upright, with boxes; or it isn't there at all."""

import resource
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.annotation.annotate import Annotator
from gateway.annotation.annotated_video import AnnotatedVideo, Annotation
from gateway.annotation.captions import Captions
from gateway.annotation.courses import Courses
from gateway.annotation.video_writer import VideoWriter
from gateway.errors import GatewayError
from tests.gateway.annotation.test_courses import state
from tests.gateway.run_reader import WALK, WALK_H265, WALK_ODD
from vedette.config.events_settings import Line, Mask, Zone
from vedette.messages import DetectionsEvent
from vedette.object_messages import ObjectState
from vedette.process.shell import Stop, Stopped

ZONE = Zone(polygon=((0.1, 0.1), (0.9, 0.1), (0.9, 0.4), (0.1, 0.4)))


@dataclass
class Drawn:
    """A follower that was asked already."""

    zones: Mapping[str, Zone] = field(default_factory=lambda: {"yard": ZONE})
    lines: Mapping[str, Line] = field(default_factory=dict)
    masks: Sequence[Mask] = ()

    def see(self, event: DetectionsEvent) -> Sequence[ObjectState]:
        raise NotImplementedError


def annotation(box_x: float = 0.5) -> Annotation:
    """One object whose left edge is at `box_x` in the first second, and far right in the third."""
    courses = Courses()
    courses.note(0.0, [state(box_x)])
    courses.note(1.0, [state(box_x)])
    courses.note(2.1, [])
    return Annotation(Drawn(), courses, Captions(()))


def annotate(video: Path, out: Path, tell: Callable[[int], None] = lambda frames: None) -> None:
    AnnotatedVideo(video, out, annotation(), tell).write(threading.Event())


def pictures(video: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Times and RGB of all frames, as stored."""
    with av.open(str(video)) as container:
        frames = list(container.decode(video=0))
    assert all(frame.rotation == 0 for frame in frames)
    return [(float(frame.time or 0), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)) for frame in frames]


def times(video: Path) -> list[float]:
    with av.open(str(video)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def copied(source: Path, target: Path, change: Callable[[av.VideoStream], object]) -> Path:
    """The same packets in another file, whose stream is changed before."""
    with av.open(str(source)) as original, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(original.streams.video[0])
        change(stream)
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("video", [WALK, WALK_ODD, WALK_H265], ids=lambda video: video.stem)
def test_every_frame_is_there_at_its_time_and_size(tmp_path: Path, video: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    told: list[int] = []
    annotate(video, out, told.append)
    drawn, original = pictures(out), times(video)
    assert [at_s for at_s, _ in drawn] == pytest.approx([at_s - original[0] for at_s in original], abs=0.0011)
    assert told[-1] == len(original)
    with av.open(str(video)) as one, av.open(str(out)) as two:
        before, after = one.streams.video[0], two.streams.video[0]
        wide = float(before.sample_aspect_ratio or 1)
        assert (after.width, after.height) == (round(wide * before.width), before.height)
        assert float(after.average_rate or 0) == pytest.approx(float(before.average_rate or 0), rel=0.02)
        assert after.codec_context.name in ("mpeg4", "vp9", "libvpx-vp9")
    assert list(tmp_path.iterdir()) == [out]


def test_boxes_and_zones_are_where_they_should_be_and_when(tmp_path: Path) -> None:
    annotate(WALK, tmp_path / "out.mp4")
    plain = {round(at_s, 2): picture for at_s, picture in pictures(WALK)}
    for at_s, picture in pictures(tmp_path / "out.mp4"):
        height, width = picture.shape[:2]
        changed = np.abs(picture.astype(int) - plain[round(at_s, 2)]).sum(axis=2) > 60
        edge = changed[round(0.55 * height) : round(0.7 * height), round(0.5 * width) - 1 : round(0.5 * width) + 2]
        share = edge.any(axis=1).mean()
        assert share > 0.6 if at_s < 1.55 else share < 0.2, at_s
        inside = changed[round(0.55 * height) : round(0.7 * height), round(0.52 * width) : round(0.58 * width)]
        assert inside.mean() < 0.05
        zone = changed[round(0.4 * height) - 2 : round(0.4 * height) + 3, round(0.3 * width) : round(0.5 * width)]
        assert zone.any(axis=0).mean() > 0.9


def test_a_turned_recording_is_upright_and_pixels_are_square(tmp_path: Path) -> None:
    turned = copied(WALK, tmp_path / "turned.mp4", lambda stream: stream.set_display_rotation(90))
    annotate(turned, tmp_path / "out.mp4")
    _, picture = pictures(tmp_path / "out.mp4")[0]
    _, stored = pictures(WALK)[0]
    upright = np.rot90(stored)  # counterclockwise
    assert picture.shape == upright.shape
    below = slice(round(0.8 * picture.shape[0]), None)  # nothing is drawn there
    assert np.abs(picture[below].astype(int) - upright[below]).mean() < 6


def test_colours_stay_as_they_are(tmp_path: Path) -> None:
    annotate(WALK, tmp_path / "out.mp4")
    for (_, before), (_, after) in zip(pictures(WALK), pictures(tmp_path / "out.mp4"), strict=True):
        below = slice(round(0.8 * before.shape[0]), None)
        difference = after[below].astype(int) - before[below]
        assert abs(difference.mean(axis=(0, 1))).max() < 2


def test_an_interrupted_one_leaves_the_file_that_was_there_and_nothing_else(tmp_path: Path) -> None:
    out, stop, told = tmp_path / "out.mp4", threading.Event(), []
    out.write_bytes(b"of yesterday")

    def tell(frames: int) -> None:
        told.append(frames)
        stop.set()

    AnnotatedVideo(WALK, out, annotation(), tell).write(stop)
    assert told == [10]
    assert out.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [out]


def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match=r"no-such/out\.mp4: can't be written: No such file"):
        annotate(WALK, tmp_path / "no-such" / "out.mp4")
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(GatewayError, match=r"out\.mp4: can't be written"):
        annotate(WALK, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 20 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_file_that_does_not_fit_is_said_and_removed(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(GatewayError, match="can't be written: File too large"):
        annotate(WALK, tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_the_encoder_does_not_take_are_said(tmp_path: Path) -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    with pytest.raises(GatewayError, match="at most 8191 pixels"):
        VideoWriter(tmp_path / "huge.mp4", 9000, 48, Fraction(25), Fraction(1, 1000), frame)
    assert list(tmp_path.iterdir()) == []


async def test_ctrl_c_ends_it_without_a_file(tmp_path: Path) -> None:
    stop = Stop()
    with pytest.raises(Stopped):
        await Annotator(Drawn()).draw(WALK, tmp_path / "out.mp4", stop, lambda frames: stop.request())
    assert list(tmp_path.iterdir()) == []


def test_a_second_ctrl_c_leaves_no_unfinished_file_either(tmp_path: Path) -> None:
    stop, seen = threading.Event(), list[int]()

    def tell(frames: int) -> None:
        seen.append(len(list(tmp_path.iterdir())))
        drawn.abandon()  # and then the process is gone
        seen.append(len(list(tmp_path.iterdir())))
        stop.set()

    drawn = AnnotatedVideo(WALK, tmp_path / "out.mp4", annotation(), tell)
    drawn.write(stop)
    assert seen == [1, 0]
