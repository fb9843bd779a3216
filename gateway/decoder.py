"""Frames out of packets: all of them, or of keyframes alone; what is damaged is counted and never a failure."""

from time import monotonic

import av

from gateway.damage import Damage
from gateway.decode_strategy import DecodeStrategy
from gateway.opening import Source
from gateway.packets import VideoPacket
from gateway.reading import ReaderStats

_MISSES = 2
"""Keyframes that gave no frame alone, until they are taken not to be such."""


class StreamDecoder:
    """Decodes a source's packets as a strategy says.

    Keyframes alone are fed to the decoder one at a time, and it is emptied after each. With `skip_frame=NONKEY` it
    would hold them back for its reorder delay: with B-frames by two keyframes, which is seconds.
    """

    def __init__(self, source: Source, strategy: DecodeStrategy, stats: ReaderStats) -> None:
        self._context = source.stream.codec_context
        self._tick_s = source.seconds
        self._strategy = strategy
        self._stats = stats
        self._misses = 0
        self._position = 0.0
        self.damage = Damage()
        """Positions are the times at which packets came."""

    def decode(self, packet: VideoPacket) -> list[av.VideoFrame]:
        """The frames that this packet completes, in display order; `frame.opaque` is when their packet came."""
        packet.opaque = self._position = monotonic()  # a new object each time, as PyAV tells them apart by identity
        alone_before = self._strategy.keyframes_only
        alone = self._strategy.observe(packet.is_keyframe, self._time_s(packet))
        if not alone:
            return self._decoded(packet)
        if not packet.is_keyframe:
            return []
        late = [] if alone_before else self.drain()
        frames = self._decoded(packet) + self.drain()
        self._judge(bool(frames))
        return late + frames

    def drain(self) -> list[av.VideoFrame]:
        """What the decoder still holds; the next packet must be a keyframe."""
        frames = self._decoded(None)
        self._context.flush_buffers()
        return frames

    def _decoded(self, packet: "VideoPacket | None") -> list[av.VideoFrame]:
        """Frames without errors; with these and with undecodable packets only the count goes up."""
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self._stats.corrupt += 1
            self.damage.note(self._position)
            return []
        for frame in frames:
            if frame.is_corrupt:
                self._stats.corrupt += 1
                self.damage.note(frame.opaque if isinstance(frame.opaque, float) else self._position)
        return [frame for frame in frames if not frame.is_corrupt]

    def _judge(self, gave_a_frame: bool) -> None:
        self._misses = 0 if gave_a_frame else self._misses + 1
        if self._misses >= _MISSES:
            self._strategy.forbid()

    def _time_s(self, packet: VideoPacket) -> float | None:
        ticks = packet.dts if packet.pts is None else packet.pts
        return None if ticks is None else ticks * self._tick_s
