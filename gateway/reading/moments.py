"""When a stream's packets came, and when its frames were captured."""

from time import monotonic, time

from gateway.pictures.decoded import Decoded, Stamp
from gateway.pictures.sampled_frame import Clock
from gateway.reading.capture_clock import CaptureClock
from gateway.reading.emitter import Moment
from gateway.reading.interface import ReaderStats, ReadOptions
from gateway.sources.opening import Source
from gateway.sources.packets import VideoPacket, sender_at
from gateway.sources.timeline import Timeline

_ASSUMED_FPS = 25
_ASK_SENDER_S = 0.5
"""Sender reports come every few seconds, and asking costs as much as all else that is done with a packet."""


class Moments:
    """The clocks of one connection, or one pass over a file."""

    def __init__(self, source: Source, timeline: Timeline, options: ReadOptions, stats: ReaderStats) -> None:
        self._source = source
        self._timeline = timeline
        self._start_at = options.media_start
        self._in_time = source.live or options.paced
        self._stats = stats
        self._clock = CaptureClock()
        self._ask_sender_s = 0.0
        self._step_s = 1 / (source.info(0, 0).fps or _ASSUMED_FPS)
        timeline.begin((source.stream.start_time or 0) * source.seconds)

    def stamp(self, packet: VideoPacket) -> Stamp:
        """Note that `packet` has come now."""
        now_s = packet.opaque if isinstance(packet.opaque, float) else monotonic()
        own_s = None if packet.pts is None else packet.pts * self._source.seconds
        if now_s >= self._ask_sender_s:
            captured_at = sender_at(packet)
            self._clock.note(own_s, captured_at, time() - (monotonic() - now_s))
            known = captured_at is not None and own_s is not None
            self._ask_sender_s = now_s + _ASK_SENDER_S if known else now_s
        media_s = self._timeline.frame_s(own_s, self._step_s)
        return Stamp(
            arrived_s=now_s,
            clock_s=now_s if self._in_time else media_s,
            media_s=None if own_s is None else media_s,
            keyframe=packet.is_keyframe,
        )

    def of(self, decoded: Decoded) -> Moment:
        """When the frame is from; ask for each that is to be sampled, in display order."""
        frame, stamp = decoded.frame, decoded.stamp
        own_s = None if frame.pts is None else frame.pts * self._source.seconds
        media_s = stamp.clock_s if own_s is None else self._timeline.packet_s(own_s)
        if stamp.captured is None:
            stamp.captured = self._captured(own_s, media_s, stamp.arrived_s)
        captured_at, clock = stamp.captured
        return Moment(
            pts_s=None if own_s is None else media_s,
            clock_s=stamp.arrived_s if self._in_time else media_s,
            captured_at=captured_at,
            clock=clock,
            arrived_s=stamp.arrived_s,
            decode_ms=decoded.decode_ms,
            time_s=stamp.time_s,
            keyframe=bool(frame.key_frame) or stamp.keyframe,
            fate=decoded.fate,
        )

    def _captured(self, own_s: float | None, media_s: float, arrived_s: float) -> tuple[float, Clock]:
        if self._start_at is not None:
            return self._start_at + media_s - self._timeline.start_s, "media"
        captured_at, by_camera = self._clock.captured(own_s, time() - (monotonic() - arrived_s))
        clock: Clock = "rtcp" if by_camera else "arrival"
        self._stats.clock, self._stats.clock_off_s = clock, self._clock.off_s
        return captured_at, clock
