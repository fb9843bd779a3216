"""Frames out of packets; what is damaged is counted and never a failure."""

from time import perf_counter

import av

from gateway.pictures.decoded import Decoded, Stamp
from gateway.reading.account import Account
from gateway.reading.damage import Damage
from gateway.reading.decode_device import codec_context
from gateway.reading.interface import DecodeOptions, ReaderStats
from gateway.sources.opening import Source
from gateway.sources.packets import VideoPacket

_LEAD_S = 2.0
"""Frames that are shown before a keyframe, and sent after it, are so little before it."""


class StreamDecoder:
    """Decodes a source's packets, each of which carries a `Stamp` as `opaque`.

    Raises:
        SourceError: no_device.
    """

    def __init__(self, source: Source, options: DecodeOptions, stats: ReaderStats, account: Account) -> None:
        self._context = codec_context(source, options)
        self._stats = stats
        self._account = account
        self._damage = Damage()
        self._stamp = Stamp(0.0, 0.0, None, False)
        self._from_pts: int | None = None
        self._tick_s = source.seconds
        self._clean = True

    def decode(self, packet: VideoPacket) -> list[Decoded]:
        """The frames that this packet completes, in display order."""
        assert isinstance(packet.opaque, Stamp)  # noqa: S101 -- a programming error
        self._stamp = packet.opaque
        return self._decoded(packet)

    def alone(self, keyframe: VideoPacket) -> list[Decoded]:
        """The frame of a keyframe, at once; what else the decoder held is given up.

        With `skip_frame=NONKEY` the decoder would hold it back for its reorder delay, which is seconds with B-frames.
        """
        self.restart(keyframe)
        return self.decode(keyframe) + self.drain()

    def drain(self) -> list[Decoded]:
        """What the decoder still holds; the next packet must be a keyframe."""
        frames = self._decoded(None)
        self._context.flush_buffers()
        self._clean = True
        return frames

    def restart(self, keyframe: VideoPacket) -> None:
        """What comes begins with this keyframe and follows nothing.

        Frames that are shown before it refer to what the decoder never got; they are left out.
        """
        if not self._clean:
            self._context.flush_buffers()
        self._from_pts = keyframe.pts

    def references_only(self, wanted: bool) -> None:
        """Whether to leave out frames that no other refers to, from the next packet on."""
        self._context.skip_frame = "NONREF" if wanted else "DEFAULT"

    def _decoded(self, packet: "VideoPacket | None") -> list[Decoded]:
        """Frames without errors; with these and with undecodable packets only the count goes up."""
        self._clean = False
        started_s = perf_counter()
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self._corrupt(self._stamp)
            return []
        decode_ms = (perf_counter() - started_s) * 1000 / max(1, len(frames))
        sound = [frame for frame in frames if self._sound(frame) and not self._leads(frame)]
        return [self._stamped(frame, decode_ms) for frame in sound]

    def _sound(self, frame: av.VideoFrame) -> bool:
        if frame.is_corrupt:
            self._corrupt(self._stamp_of(frame))
        return not frame.is_corrupt

    def _corrupt(self, stamp: Stamp) -> None:
        self._stats.corrupt += 1
        self._account.mark(stamp.arrived_s, "corrupt")
        self._damage.note(stamp.arrived_s)

    def _leads(self, frame: av.VideoFrame) -> bool:
        """Whether it is shown before the keyframe at which the decoder was restarted."""
        if frame.pts is not None and self._from_pts is not None:
            ahead_s = (self._from_pts - frame.pts) * self._tick_s
            if 0 < ahead_s < _LEAD_S:  # else the time line has jumped
                return True
        self._from_pts = None
        return False

    def _stamped(self, frame: av.VideoFrame, decode_ms: float) -> Decoded:
        stamp = self._stamp_of(frame)
        held = self._damage.holds(stamp.arrived_s, bool(frame.key_frame), stamp.clock_s)
        return Decoded(frame, stamp, decode_ms, held)

    def _stamp_of(self, frame: av.VideoFrame) -> Stamp:
        return frame.opaque if isinstance(frame.opaque, Stamp) else self._stamp
