"""One connection, or one pass over a file, from its first packet to its last."""

import threading
from time import monotonic, perf_counter, time

import av

from gateway.capture_clock import CaptureClock
from gateway.decode_strategy import DecodeStrategy
from gateway.decoder import StreamDecoder
from gateway.emitter import Emitter, Moment
from gateway.errors import Reason, SourceError
from gateway.opening import Source
from gateway.pacing import Pacer
from gateway.packets import VideoPacket, packets, sender_at
from gateway.reading import ReaderObserver, ReaderStats, ReadOptions
from gateway.sampled_frame import Clock
from gateway.timeline import Timeline
from gateway.watchdog import Pulse, Watchdog

_UNKNOWN_GAP_S = 12.0
"""Between keyframes, while packets come and fewer than two keyframes did; cameras that save bits go so far."""
_ASSUMED_FPS = 25


class Playback:
    """Reads, decodes and emits, and watches that frames keep coming."""

    def __init__(
        self,
        source: Source,
        strategy: DecodeStrategy,
        timeline: Timeline,
        emitter: Emitter,
        observer: ReaderObserver,
        options: ReadOptions,
        stats: ReaderStats,
    ) -> None:
        self._source = source
        self._strategy = strategy
        self._timeline = timeline
        self._emitter = emitter
        self._observer = observer
        self._options = options
        self._stats = stats
        self._decoder = StreamDecoder(source, strategy, stats)
        paced = source.bursts if source.live else options.paced
        self._pacer = Pacer() if paced else None
        self._watchdog = Watchdog(options.stall_s, options.dead_s, monotonic())
        self._size = (source.stream.width, source.stream.height)
        self._info = source.info(*self._size)
        self._step_s = 1 / (self._info.fps or _ASSUMED_FPS)
        self._clock = CaptureClock()
        self._stalled = False
        self._frames = 0
        self._keyframes = 0
        self._packet_at_s = self._frame_at_s = monotonic()

    def run(self, stop: threading.Event) -> None:
        """Block until the source ends or `stop` is set.

        Raises:
            SourceError: the source broke, stalled, or nothing in it can be decoded.
        """
        self._observer.on_stream(self._info)
        self._timeline.begin((self._source.stream.start_time or 0) * self._source.seconds)
        for packet in packets(self._source, stop):
            if packet is not None:
                self._take(packet, stop)
            if self._source.live:
                self._watch(monotonic())
        if not self._source.live and not self._frames and not stop.is_set():
            raise SourceError(Reason.UNDECODABLE, "nothing in it can be decoded")

    def _take(self, packet: VideoPacket, stop: threading.Event) -> None:
        self._wait_for(packet, stop)
        if stop.is_set():
            return
        started_s = perf_counter()
        frames = self._frames_of(packet)
        decode_ms = (perf_counter() - started_s) * 1000 / max(1, len(frames))
        self._stats.keyframes_only = self._strategy.keyframes_only
        self._stats.keyframe_gap_s = self._strategy.keyframe_gap_s
        for frame in frames:
            self._show(frame, decode_ms)

    def _frames_of(self, packet: VideoPacket) -> list[av.VideoFrame]:
        if packet.size:
            self._packet_at_s = monotonic()
            self._keyframes += packet.is_keyframe
            self._stats.packets += 1
            self._stats.received_bytes += packet.size
            ticks = packet.pts
            self._clock.note(None if ticks is None else ticks * self._source.seconds, sender_at(packet), time())
            return self._decoder.decode(packet)
        return [] if self._source.live else self._decoder.drain()  # the end; of live video nobody wants what is left

    def _wait_for(self, packet: VideoPacket, stop: threading.Event) -> None:
        """A file's packet comes when it is due, in decoding order as a camera sends it."""
        ticks = packet.pts if packet.dts is None else packet.dts
        if self._pacer is not None and ticks is not None:
            time_s = self._timeline.packet_s(ticks * self._source.seconds)
            delay_s = self._pacer.delay_s(time_s, monotonic())
            if delay_s:
                stop.wait(delay_s)

    def _show(self, frame: av.VideoFrame, decode_ms: float) -> None:
        self._alive(frame)
        self._frames += 1
        own_s = None if frame.pts is None else frame.pts * self._source.seconds
        media_s = self._timeline.frame_s(own_s, self._step_s)
        arrived_s = frame.opaque if isinstance(frame.opaque, float) else monotonic()
        captured_at, clock = self._captured(own_s, media_s, arrived_s)
        moment = Moment(
            pts_s=None if own_s is None else media_s,
            clock_s=arrived_s if self._source.live or self._options.paced else media_s,
            captured_at=captured_at,
            clock=clock,
            arrived_s=arrived_s,
            decode_ms=decode_ms,
        )
        if self._decoder.damage.holds(arrived_s, bool(frame.key_frame), moment.clock_s):
            self._stats.held += 1
        else:
            self._emitter.offer(frame, self._source, moment)

    def _captured(self, own_s: float | None, media_s: float, arrived_s: float) -> tuple[float, Clock]:
        """When a frame was captured, and by whose clock."""
        start = self._options.media_start
        if start is not None:
            return start + media_s - self._timeline.start_s, "media"
        captured_at, by_camera = self._clock.captured(own_s, time() - (monotonic() - arrived_s))
        self._stats.clock, self._stats.clock_off_s = "rtcp" if by_camera else "arrival", self._clock.off_s
        return captured_at, "rtcp" if by_camera else "arrival"

    def _alive(self, frame: av.VideoFrame) -> None:
        """Note that a frame was decoded, and tell when its size or the stream's health changed."""
        self._stats.decoded += 1
        self._frame_at_s = monotonic()
        self._watchdog.feed(self._frame_at_s)
        if self._stalled or not self._frames:
            self._stalled = False
            self._observer.on_live()
        if (frame.width, frame.height) != self._size:
            self._size = (frame.width, frame.height)
            self._observer.on_stream(self._source.info(*self._size))

    def _watch(self, now_s: float) -> None:
        pulse = self._watchdog.check(now_s, self._expected_gap_s(now_s))
        silent_s = self._watchdog.silent_s(now_s)
        if pulse is Pulse.STALLED and not self._stalled:
            self._stalled = True
            self._observer.on_stalled(silent_s)
        if pulse is Pulse.DEAD:
            came = self._packet_at_s > self._frame_at_s
            reason, what = (Reason.UNDECODABLE, "data that can't be decoded") if came else (Reason.STALLED, "nothing")
            raise SourceError(reason, f"{what} for {silent_s:.0f} s")

    def _expected_gap_s(self, now_s: float) -> float | None:
        """How long frames may be apart because only keyframes give any, or none has come yet."""
        known_s = self._strategy.keyframe_gap_s
        if now_s - self._packet_at_s > self._options.stall_s:
            return known_s if self._strategy.keyframes_only else None
        if self._strategy.keyframes_only or not self._keyframes:
            return known_s or _UNKNOWN_GAP_S
        return None
