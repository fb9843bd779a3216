"""Decoded frames to the pipelines that want them: sampled, encoded and handed over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import av

from gateway.errors import Reason, SourceError
from gateway.opening import Source
from gateway.picture import Picture, PictureEncoder
from gateway.privacy import Polygon
from gateway.reading import ReaderStats
from gateway.sampled_frame import Clock, Output, SampledFrame
from gateway.sampler import Sampler

Sink = Callable[[SampledFrame], None]
"""Takes a frame, in the reading thread; of a recording it may block as long as it has to."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame is from, and what it cost so far."""

    pts_s: float | None
    clock_s: float
    """A clock for the sampler: of arrival, or of a recording read at full speed its media time."""
    captured_at: float
    """Unix seconds,"""
    clock: Clock
    """and whose time that is."""
    arrived_s: float
    """`time.monotonic` when the packet came."""
    decode_ms: float


class Emitter:
    """Samples for several pipelines out of one decode. Pipelines that want the same picture share its encoding."""

    def __init__(
        self, outputs: Sequence[Output], privacy: Sequence[Polygon], matrix: str | None, sink: Sink, stats: ReaderStats
    ) -> None:
        self._samplers = [(output, Sampler(output.sampling)) for output in outputs]
        sizes = {(output.width, output.quality) for output in outputs}
        self._encoders = {size: PictureEncoder(*size, privacy, matrix) for size in sizes}
        self._sink = sink
        self._stats = stats

    def offer(self, frame: av.VideoFrame, source: Source, moment: Moment) -> None:
        """Give `frame` to each pipeline whose turn it is.

        Raises:
            SourceError: undecodable, when no picture can be made of the frame's pixel format.
        """
        keyframe = bool(frame.key_frame)
        wanted = [o for o, sampler in self._samplers if sampler.due(moment.pts_s, moment.clock_s, keyframe)]
        pictures: dict[tuple[int, int], tuple[Picture, float]] = {}
        for output in wanted:
            size = (output.width, output.quality)
            if size not in pictures:
                pictures[size] = self._encode(frame, source, self._encoders[size])
            self._sink(_sampled(output, *pictures[size], moment, keyframe))
            self._stats.sampled += 1

    def _encode(self, frame: av.VideoFrame, source: Source, encoder: PictureEncoder) -> tuple[Picture, float]:
        """The picture, and how many ms it took."""
        started_s = perf_counter()
        try:
            picture = encoder.encode(frame, source.aspect)
        except av.FFmpegError as error:
            text = f"no picture can be made of {frame.format.name}: {error.strerror}"
            raise SourceError(Reason.UNDECODABLE, text) from None
        return picture, (perf_counter() - started_s) * 1000


def _sampled(output: Output, picture: Picture, encode_ms: float, moment: Moment, keyframe: bool) -> SampledFrame:
    return SampledFrame(
        pipeline=output.pipeline,
        jpeg=picture.jpeg,
        pts_s=moment.pts_s,
        captured_at=moment.captured_at,
        clock=moment.clock,
        arrived_monotonic=moment.arrived_s,
        decode_ms=moment.decode_ms,
        encode_ms=encode_ms,
        width=picture.display_width,
        height=picture.display_height,
        jpeg_width=picture.width,
        jpeg_height=picture.height,
        keyframe=keyframe,
    )
