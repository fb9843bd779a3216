"""Decoded frames to the pipelines that want them: sampled, encoded and handed over."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter

import av

from gateway.errors import Reason, SourceError
from gateway.pictures.decoded import Fate
from gateway.pictures.picture import Picture, PictureEncoder
from gateway.pictures.privacy import Polygon
from gateway.pictures.sampled_frame import Clock, Output, SampledFrame
from gateway.reading.account import Account
from gateway.reading.interface import ReaderStats
from gateway.reading.tap import Sink, Tap
from gateway.sources.opening import Source


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
    keyframe: bool
    """A stream that has none but recovery points (intra refresh) has those."""
    time_s: float
    """The gate's time of it,"""
    fate: Fate
    """and what the gate makes of it."""


class Emitter:
    """Samples for several pipelines out of one decode. Pipelines that want the same picture share its encoding."""

    def __init__(
        self,
        outputs: Sequence[Output],
        privacy: Sequence[Polygon],
        matrix: str | None,
        sink: Sink,
        stats: ReaderStats,
        account: Account,
    ) -> None:
        self._taps = [Tap(output, sink, stats, account) for output in outputs]
        sizes = {(output.width, output.quality) for output in outputs}
        self._encoders = {size: PictureEncoder(*size, privacy, matrix) for size in sizes}
        self._changes: deque[tuple[str, float]] = deque()

    def begin(self, paced: bool) -> None:
        """A connection or a pass over a file begins; `paced`: late frames are not to be handed over all at once."""
        for tap in self._taps:
            tap.begin(paced)

    @property
    def interval_s(self) -> float | None:
        """Between samples of the most demanding pipeline; 0 takes every frame, None only keyframes."""
        intervals = [tap.sampler.interval_s for tap in self._taps]
        return min((interval_s for interval_s in intervals if interval_s is not None), default=None)

    def due_s(self) -> float | None:
        """The PTS from which on the next frame is taken; None while that isn't known."""
        times = [tap.sampler.due_s for tap in self._taps]
        return None if None in times else min(time_s for time_s in times if time_s is not None)

    def offer(self, frame: av.VideoFrame, source: Source, moment: Moment, snap_s: float = 0.0) -> None:
        """Give `frame` to each pipeline whose turn it is, or give or take `snap_s` where it is a keyframe.

        Raises:
            SourceError: undecodable, when no picture can be made of the frame's pixel format.
        """
        keyframe, fate, time_s = moment.keyframe, moment.fate, moment.time_s
        pictures: dict[tuple[int, int], tuple[Picture, float]] = {}
        for tap in self._taps:
            if not tap.takes(moment.pts_s, moment.clock_s, keyframe, snap_s, fate, time_s):
                continue
            size = (tap.output.width, tap.output.quality)
            if size not in pictures:
                pictures[size] = self._encode(frame, source, self._encoders[size])
            tap.give(_sampled(tap.output, *pictures[size], moment), fate, time_s, monotonic())

    def release(self, from_s: float) -> None:
        """Tentative frames are wanted, from this time on."""
        for tap in self._taps:
            tap.release(from_s)

    def forget(self) -> None:
        """Tentative frames are not wanted."""
        for tap in self._taps:
            tap.forget()

    def tick(self, now_s: float) -> None:
        """Hand over late frames, and take notice of what `set_fps` asked for. To be called all the time."""
        while self._changes:
            pipeline, fps = self._changes.popleft()
            for tap in self._taps:
                if tap.output.pipeline == pipeline:
                    tap.change(fps)
        for tap in self._taps:
            tap.let_out(now_s)

    def set_fps(self, pipeline: str, fps: float) -> None:
        """Take `fps` frames a second for this pipeline, soon. Any thread may call it."""
        self._changes.append((pipeline, fps))

    def _encode(self, frame: av.VideoFrame, source: Source, encoder: PictureEncoder) -> tuple[Picture, float]:
        """The picture, and how many ms it took."""
        started_s = perf_counter()
        try:
            picture = encoder.encode(frame, source.aspect)
        except av.FFmpegError as error:
            text = f"no picture can be made of {frame.format.name}: {error.strerror}"
            raise SourceError(Reason.UNDECODABLE, text) from None
        return picture, (perf_counter() - started_s) * 1000


def _sampled(output: Output, picture: Picture, encode_ms: float, moment: Moment) -> SampledFrame:
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
        keyframe=moment.keyframe,
        gate="refresh" if moment.fate == "refresh" else "open",
    )
