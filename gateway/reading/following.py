"""Decoding a stream while another one's gate is open: a camera's main stream follows its substream."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gateway.pictures.decoded import Decoded, Fate, Stamp
from gateway.reading.decoding import Decoding
from gateway.reading.interface import ReaderStats
from gateway.reading.packet_buffer import PacketBuffer
from gateway.sources.packets import VideoPacket

_GOPS = 2


@dataclass(frozen=True, slots=True)
class Lead:
    """Another reader's gate, as far as its counters tell; that reader may run in another thread."""

    stats: ReaderStats
    refresh_s: float

    @property
    def open(self) -> bool:
        return self.stats.gate == "open"

    @property
    def since_s(self) -> float | None:
        """When that began to move for which the gate is open (`time.monotonic`); None: from now on."""
        return self.stats.gate_since_s


class FollowingDecoding:
    """Keeps the packets of the last GOPs, and decodes nothing but a keyframe every `refresh_s`, until the other gate
    opens: then from the onset on what would be decoded without a gate.
    """

    def __init__(
        self,
        decoding: Decoding,
        lead: Lead,
        buffer_bytes: int,
        stats: ReaderStats,
        on_untaken: Callable[[VideoPacket], None] | None = None,
    ) -> None:
        self._decoding = decoding
        self._lead = lead
        self._buffer: PacketBuffer[VideoPacket] = PacketBuffer(_GOPS, buffer_bytes, on_untaken)
        self._keyframes: deque[float] = deque(maxlen=_GOPS + 1)
        self._stats = stats
        self._untaken = 0
        self._open = False
        self._refreshed_s: float | None = None

    @property
    def apart_s(self) -> float | None:
        return self._decoding.apart_s if self._open else None

    @property
    def resting(self) -> bool:
        return not self._open

    def take(self, packet: VideoPacket) -> Iterator[Decoded]:
        stamp = packet.opaque
        assert isinstance(stamp, Stamp)  # noqa: S101 -- a programming error
        self._buffer.add(packet, packet.size, stamp.keyframe)
        if stamp.keyframe:
            self._keyframes.append(stamp.arrived_s)
        was_open, self._open = self._open, self._lead.open
        if self._open and was_open:
            self._buffer.take()
            yield from self._decoding.take(packet)
        elif self._open:
            self._decoding.note(packet)
            yield from self._caught_up(stamp)
        else:
            if was_open:
                self._decoding.cut()
            self._decoding.note(packet)
            yield from self._idle(packet, stamp)
        self._count()

    def end(self) -> Iterator[Decoded]:
        return self._decoding.end() if self._open else iter(())

    def close(self) -> None:
        self._buffer.clear()
        self._decoding.close()
        self._count()

    def _caught_up(self, now: Stamp) -> Iterator[Decoded]:
        """Decode what is buffered from the onset's GOP on, the packet that came just now too."""
        since_s = self._lead.since_s or now.arrived_s
        later = sum(arrived_s > since_s for arrived_s in self._keyframes)
        self._buffer.rewind(min(later, _GOPS))
        self._decoding.cut()
        while (packet := self._buffer.take()) is not None:
            for decoded in self._decoding.again(packet):
                yield replace(decoded, fate=self._fate(decoded.stamp))

    def _fate(self, stamp: Stamp) -> Fate:
        if self._lead.since_s is None:
            return "seen"  # it begins with what follows
        return "late" if stamp.arrived_s >= self._lead.since_s else "seen"

    def _count(self) -> None:
        self._stats.gated += self._buffer.untaken - self._untaken
        self._untaken = self._buffer.untaken

    def _idle(self, packet: VideoPacket, stamp: Stamp) -> Iterator[Decoded]:
        due = self._refreshed_s is None or stamp.arrived_s - self._refreshed_s >= self._lead.refresh_s
        if not (due and packet.is_keyframe):
            self._buffer.skip()
            return
        self._buffer.take()
        for decoded in self._decoding.alone(packet):
            self._refreshed_s = stamp.arrived_s
            yield replace(decoded, fate="refresh")
