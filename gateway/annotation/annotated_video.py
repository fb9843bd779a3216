"""Makes the annotated video: every frame of the recording, upright, at its own time, drawn on, encoded anew."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from gateway.annotation.captions import Captions
from gateway.annotation.courses import Courses
from gateway.annotation.drawing import Bgr, Pen
from gateway.annotation.follower import Follower
from gateway.annotation.video_writer import VideoWriter
from gateway.errors import Reason, SourceError
from gateway.pictures.geometry import SQUARE, Orientation, picture_size
from gateway.pictures.orientations import Orientations
from gateway.pictures.picture import TAGGED

logger = logging.getLogger(__name__)

_ASSUMED_FPS = Fraction(25)
_WHOLE = 1 << 16
_TELL_EVERY = 10


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is drawn."""

    follower: Follower
    courses: Courses
    captions: Captions


class AnnotatedVideo:
    """One pass over a recording, in a thread of its own."""

    def __init__(self, video: Path, out: Path, annotation: Annotation, tell: Callable[[int], None]) -> None:
        """`tell` is told from time to time how many frames are written, in that thread."""
        self.frames = 0
        self._video = video
        self._out = out
        self._annotation = annotation
        self._tell = tell
        self._orientations = Orientations()
        self._from, self._to = VideoReformatter(), VideoReformatter()
        self._writer: VideoWriter | None = None

    def write(self, stop: threading.Event) -> None:
        """Until the recording's end; if `stop` is set first, there is no file.

        Raises SourceError, GatewayError.
        """
        try:
            with av.open(str(self._video)) as container:
                stream = container.streams.best("video")
                assert isinstance(stream, av.VideoStream)  # noqa: S101 -- it was analyzed before
                stream.thread_type = "AUTO"
                self._write(_timed(container, stream), stream, stop)
        except _Interrupted:
            return
        except av.FFmpegError as error:
            raise SourceError(Reason.UNDECODABLE, f"{self._video}: {error.strerror}") from error
        self._tell(self.frames)

    def abandon(self) -> None:
        """Leave nothing behind: the process ends at once. Any thread may call it."""
        if self._writer is not None:
            self._writer.abandon()

    def _write(self, frames: "Iterator[_Timed]", stream: av.VideoStream, stop: threading.Event) -> None:
        first = next(frames, None)
        if first is None:
            raise SourceError(Reason.UNDECODABLE, f"{self._video}: no frame can be decoded")
        aspect = Fraction(stream.sample_aspect_ratio or SQUARE) or SQUARE
        turned = self._orientations.of(first.frame)
        size = picture_size((first.frame.width, first.frame.height), aspect, turned, _WHOLE)
        width, height = size.display_width, size.display_height
        rate = stream.average_rate or stream.guessed_rate or _ASSUMED_FPS
        tick = stream.time_base or Fraction(1, 90000)
        pen, ticks = Pen(width, height), -1
        with VideoWriter(self._out, width, height, Fraction(rate), Fraction(tick), first.frame) as self._writer:
            timed: _Timed | None = first
            while timed is not None:
                if stop.is_set():
                    raise _Interrupted
                ticks = max(ticks + 1, round((timed.at_s - first.at_s) / self._writer.tick))
                picture = self._upright(timed.frame, turned, width, height)
                self._draw(pen, picture, timed.at_s)
                self._writer.write(self._encodable(picture, timed.frame, ticks))
                self.frames += 1
                if self.frames % _TELL_EVERY == 0:
                    self._tell(self.frames)
                timed = next(frames, None)

    def _draw(self, pen: Pen, picture: Bgr, at_s: float) -> None:
        known = self._annotation
        inside = {zone: known.captions.inside(zone, at_s) for zone in known.follower.zones}
        pen.places(picture, known.follower, inside)
        pen.objects(picture, known.courses.at(at_s))
        pen.captions(picture, known.captions.at(at_s))

    def _upright(self, frame: av.VideoFrame, turned: Orientation, width: int, height: int) -> Bgr:
        matrix = TAGGED.get(frame.colorspace, Colorspace.ITU601)
        plain = self._from.reformat(frame, format="bgr24", src_colorspace=matrix, dst_colorspace=matrix)
        picture = turned.apply(np.asarray(plain.to_ndarray(), np.uint8))
        if picture.shape[:2] != (height, width):  # pixels that aren't square, or a stream that changed its size
            return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(picture)

    def _encodable(self, picture: Bgr, like: av.VideoFrame, ticks: int) -> av.VideoFrame:
        matrix = TAGGED.get(like.colorspace, Colorspace.ITU601)
        whole = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame = self._to.reformat(whole, format="yuv420p", src_colorspace=matrix, dst_colorspace=matrix)
        frame.pts = ticks
        return frame


class _Interrupted(Exception):
    """The body of the writer's `with` ends without its file."""


@dataclass(frozen=True, slots=True)
class _Timed:
    frame: av.VideoFrame
    at_s: float
    """On the stream's own time line, as `pts` of the detections' frames."""


def _timed(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[_Timed]:
    """All frames in display order; damaged packets are left out, as the analysis leaves them out."""
    step_s = float(1 / (stream.average_rate or _ASSUMED_FPS))
    at_s, damaged = 0.0, 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            damaged += 1
            continue
        for frame in frames:
            assert isinstance(frame, av.VideoFrame)  # noqa: S101 -- of a video stream
            at_s = at_s + step_s if frame.time is None else frame.time
            yield _Timed(frame, at_s)
    if damaged:
        logger.warning("%s damaged packet(s) are not in the annotated video", damaged)
