"""A stream's packets to frames, as far as samples need them."""

from collections.abc import Callable, Iterator
from math import inf
from typing import Protocol

from av.video.frame import PictureType

from gateway.pictures.decoded import Decoded, Stamp
from gateway.reading.decode_strategy import DecodeStrategy
from gateway.reading.decoder import StreamDecoder
from gateway.reading.interface import ReaderStats
from gateway.reading.packet_buffer import PacketBuffer
from gateway.sources.packets import VideoPacket

_MISSES = 2
"""Sound keyframes that gave no frame alone, until they are taken not to be such."""


class Frames(Protocol):
    """Frames out of packets, each of which carries its `Stamp` as `opaque`."""

    @property
    def apart_s(self) -> float | None:
        """How far apart frames are by intention; infinite while not known, None where every packet gives one."""

    @property
    def resting(self) -> bool:
        """Whether packets may come and no frames at all."""

    def take(self, packet: VideoPacket) -> Iterator[Decoded]:
        """The frames that come of this packet. They are to be sampled one by one: what is decoded depends on it."""

    def end(self) -> Iterator[Decoded]:
        """What is left at the end of a file."""

    def close(self) -> None:
        """Nothing more comes."""


class Decoding:
    """Decodes what its strategy says."""

    def __init__(
        self,
        decoder: StreamDecoder,
        strategy: DecodeStrategy,
        due_s: Callable[[], float | None],
        buffer_bytes: int,
        stats: ReaderStats,
    ) -> None:
        """`due_s` tells the PTS from which on the next sample is taken, None while that isn't known."""
        self._decoder = decoder
        self._strategy = strategy
        self._due_s = due_s
        self._left: PacketBuffer[VideoPacket] = PacketBuffer(0, buffer_bytes)
        self._stats = stats
        self._misses = 0
        self._cut = False

    @property
    def apart_s(self) -> float | None:
        if self._strategy.decode.keyframes:
            return self.keyframes_apart_s
        return self._strategy.interval_s if self._strategy.decode.lazy else None

    @property
    def keyframes_apart_s(self) -> float:
        """Infinite while that isn't known."""
        return self._strategy.keyframe_gap_s or inf

    @property
    def resting(self) -> bool:
        return False

    @property
    def is_cut(self) -> bool:
        """Something before was left out: the decoder can go on at a keyframe only."""
        return self._cut

    @property
    def sound(self) -> bool:
        """Whether keyframes can be decoded alone, as far as is known."""
        return self._strategy.sound

    def take(self, packet: VideoPacket) -> Iterator[Decoded]:
        stamp = self.note(packet)
        self._stats.decode = str(self._strategy.decode)
        if stamp.keyframe:
            yield from self._begin(packet)
        if self._cut:
            self._stats.skipped += not stamp.keyframe
            return
        self._left.add(packet, packet.size, stamp.keyframe)
        if self._left.has_room_for(packet.size) and self._strategy.leaves(stamp.media_s, self._due_s()):
            return
        while (left := self._left.take()) is not None:
            yield from self._all(left)

    def end(self) -> Iterator[Decoded]:
        while (left := self._left.take()) is not None:
            yield from self._all(left)
        if not self._cut:
            yield from self._seen(self._decoder.drain())

    def close(self) -> None:
        self._skip()

    def note(self, packet: VideoPacket) -> Stamp:
        """A packet came; for those that aren't given to `take`, once each."""
        stamp = packet.opaque
        assert isinstance(stamp, Stamp)  # noqa: S101 -- a programming error
        self._strategy.observe(stamp.keyframe, stamp.media_s)
        self._stats.keyframe_gap_s = self._strategy.keyframe_gap_s
        return stamp

    def alone(self, keyframe: VideoPacket) -> list[Decoded]:
        """The frame of a keyframe, at once; for now nothing that follows it is wanted."""
        self.cut()
        damage = self._stats.corrupt
        frames = self._seen(self._decoder.alone(keyframe))
        if damage == self._stats.corrupt:
            self._misses = 0 if frames else self._misses + 1
        if self._misses >= _MISSES:
            self._strategy.forbid()
        return frames

    def cut(self) -> None:
        """Nothing more is wanted until a keyframe comes, or something older again."""
        self._skip()
        self._cut = True

    def again(self, packet: VideoPacket) -> list[Decoded]:
        """Decode a packet whatever is sampled, be it an old one; the first one after `cut` should be a keyframe."""
        frames = []
        if self._cut:
            self._cut = False
            self._decoder.restart(packet)
            self._decoder.references_only(False)
        while (left := self._left.take()) is not None:
            frames += self._all(left)
        return frames + self._all(packet)

    def _begin(self, keyframe: VideoPacket) -> Iterator[Decoded]:
        """A GOP begins, and with it perhaps another way to decode."""
        whole = not (self._skip() or self._cut)
        if self._strategy.decode.keyframes:
            if whole:
                yield from self._seen(self._decoder.drain())
            yield from self.alone(keyframe)
            return
        if not whole:
            self._decoder.restart(keyframe)
        self._decoder.references_only(self._strategy.decode.nonref)
        self._cut = False

    def _skip(self) -> int:
        """Give up what was left out; how many packets that is."""
        count = self._left.skip()
        self._stats.skipped += count
        return count

    def _all(self, packet: VideoPacket) -> list[Decoded]:
        return self._seen(self._decoder.decode(packet))

    def _seen(self, frames: list[Decoded]) -> list[Decoded]:
        for decoded in frames:
            frame, stamp = decoded.frame, decoded.stamp
            if stamp.keyframe and frame.opaque is stamp and not frame.key_frame:
                self._strategy.forbid()  # a recovery point of intra refresh
            self._strategy.saw(stamp.media_s, frame.pict_type != PictureType.B, bool(frame.key_frame))
        return frames
