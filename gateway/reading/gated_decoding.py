"""Decoding behind the activity gate: keyframes while nothing moves, and what was missed as soon as something does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from gateway.gate import ActivityGate, GatePolicy, Mode
from gateway.pictures.decoded import Decoded, Fate, Stamp
from gateway.pictures.luma import LumaScaler
from gateway.reading.beginnings import Beginnings
from gateway.reading.decoding import Decoding
from gateway.reading.interface import ReaderStats
from gateway.reading.packet_buffer import PacketBuffer
from gateway.sources.packets import VideoPacket

_GOPS = 2
_BEGINS_WITHIN_S = 5.0
"""Of a stream's time; then something moves there, and it is decoded for that."""
BEGINNINGS = Beginnings(8)
"""In this process: half a core of 720p, or most of one of 1080p."""
_UNSOUND = "keyframes can't be decoded alone: every frame is decoded"


class Tentative(Protocol):
    """Keeps what was sampled of `tentative` frames."""

    def release(self, from_s: float) -> None:
        """It is wanted, from this time (of the frames' stamps) on."""

    def forget(self) -> None:
        """It is not."""


class GatedDecoding:
    """Looks at keyframes until the gate is armed; then decodes the buffered GOPs and all that comes, tentatively; and
    while the gate is open, what would be decoded without a gate.
    """

    def __init__(
        self,
        decoding: Decoding,
        policy: GatePolicy,
        tentative: Tentative,
        buffer_bytes: int,
        stats: ReaderStats,
        on_untaken: Callable[[VideoPacket], None] | None = None,
        *,
        beginnings: Beginnings = BEGINNINGS,
    ) -> None:
        """Raises nothing; `close` has to be called."""
        self._decoding = decoding
        self._beginning = beginnings.begin()
        self._begins_until_s: float | None = None
        self._gate = ActivityGate(policy, idle=self._beginning is None)
        self._tentative = tentative
        self._buffer: PacketBuffer[VideoPacket] = PacketBuffer(_GOPS, buffer_bytes, on_untaken)
        self._luma = LumaScaler()
        self._stats = stats
        self._stats.gate_since_s = None
        self._untaken = 0
        self._time_s = 0.0

    @property
    def apart_s(self) -> float | None:
        if self._gate.mode is Mode.ARMED and self._decoding.sound:
            return None
        return self._decoding.keyframes_apart_s if self.idle else self._decoding.apart_s

    @property
    def idle(self) -> bool:
        """Nothing moves: only keyframes are wanted."""
        return self._gate.mode is Mode.IDLE and self._decoding.sound

    @property
    def resting(self) -> bool:
        return False

    def take(self, packet: VideoPacket) -> Iterator[Decoded]:
        if self._decoding.sound:
            yield from self._gated(packet)
        else:
            yield from self._decoding.take(packet)
        self._tell()

    def end(self) -> Iterator[Decoded]:
        if self._gate.mode is Mode.OPEN or not self._decoding.sound:
            yield from self._decoding.end()

    def close(self) -> None:
        """Nothing more comes; packets that were not decoded never will be."""
        self._buffer.clear()
        self._begun()
        self._tell()

    def hint(self, for_s: float) -> None:
        """Something moves there, and will for so long."""
        self._gate.hint(self._time_s + for_s)

    def picture(self, width: int, height: int) -> None:
        """The stream's pictures, as coded, have this size from now on."""
        self._gate.picture(width, height)

    def _begin(self, time_s: float) -> None:
        if self._begins_until_s is None:
            self._begins_until_s = time_s + _BEGINS_WITHIN_S
        if self._gate.mode is not Mode.OPEN or time_s > self._begins_until_s:
            self._begun()

    def _begun(self) -> None:
        if self._beginning is not None:
            self._beginning.end()
            self._beginning = None

    def _gated(self, packet: VideoPacket) -> Iterator[Decoded]:
        stamp = packet.opaque
        assert isinstance(stamp, Stamp)  # noqa: S101 -- a programming error
        self._time_s = stamp.time_s
        if self._beginning is not None:
            self._begin(stamp.time_s)
        self._buffer.add(packet, packet.size, stamp.keyframe)
        before, mode = self._gate.mode, self._gate.packet(packet.size, stamp.time_s, stamp.keyframe)
        if mode is Mode.OPEN:
            self._buffer.take()
            yield from self._open(packet)
            return
        self._decoding.note(packet)
        if mode is Mode.IDLE:
            yield from self._idle(packet)
        elif before is Mode.IDLE:  # armed by the sizes of packets
            self._buffer.rewind(0)
        if self._gate.mode is not Mode.IDLE:
            yield from self._armed()

    def _open(self, packet: VideoPacket) -> Iterator[Decoded]:
        for decoded in self._decoding.take(packet):
            self._look(decoded)
            yield decoded
        if self._gate.mode is Mode.IDLE:
            self._rest()
        elif self._gate.mode is Mode.ARMED and self._decoding.is_cut:
            self._buffer.rewind(0)

    def _idle(self, packet: VideoPacket) -> Iterator[Decoded]:
        """Look at a keyframe. What it shows may have begun in the GOP before it."""
        if not packet.is_keyframe:
            self._buffer.skip()
            return
        self._buffer.take()
        for decoded in self._decoding.alone(packet):
            self._look(decoded)
            idle = self._gate.mode is Mode.IDLE
            yield replace(decoded, fate="refresh" if idle and self._refreshes(decoded) else "seen")
        if self._gate.mode is not Mode.IDLE:
            self._buffer.rewind(1)

    def _armed(self) -> Iterator[Decoded]:
        """Decode what is buffered, and the packet that came just now."""
        while (packet := self._buffer.take()) is not None:
            for decoded in self._decoding.again(packet):
                before = self._gate.mode
                self._look(decoded)
                if before is Mode.ARMED and self._gate.mode is Mode.OPEN and self._gate.onset_s is not None:
                    self._tentative.release(self._gate.onset_s)
                    stamp = decoded.stamp
                    self._stats.gate_since_s = self._gate.onset_s + stamp.arrived_s - stamp.time_s
                yield replace(decoded, fate=self._fate(decoded))
            if self._gate.mode is Mode.IDLE:
                self._rest()

    def _fate(self, decoded: Decoded) -> Fate:
        if self._gate.mode is Mode.ARMED:
            still = not self._buffer.waiting and not self._gate.moving_at
            return "refresh" if still and self._gate.blind and self._refreshes(decoded) else "tentative"
        return "late" if self._gate.mode is Mode.OPEN else "seen"

    def _rest(self) -> None:
        self._tentative.forget()
        self._buffer.skip()
        self._decoding.cut()

    def _look(self, decoded: Decoded) -> None:
        time_s = decoded.stamp.time_s
        if not decoded.damaged and self._gate.look_due(time_s):
            self._gate.look(self._luma.luma(decoded.frame), time_s)

    def _refreshes(self, decoded: Decoded) -> bool:
        return not decoded.damaged and self._gate.refresh_due(decoded.stamp.time_s)

    def _tell(self) -> None:
        self._stats.gated += self._buffer.untaken - self._untaken
        self._untaken = self._buffer.untaken
        self._stats.gate = (self._gate.mode if self._decoding.sound else Mode.OPEN).value
        self._stats.gate_blind = self._gate.blind if self._decoding.sound else _UNSOUND
        if self._decoding.sound and self._gate.mode is not Mode.OPEN:
            self._stats.decode = "keyframes" if self._gate.mode is Mode.IDLE else "all"
