"""RTP packets to access units: in order, whole, and after a loss none until the next keyframe. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.whip.access_unit import AccessUnit, Payloads
from gateway.whip.rtp import RtpPacket

_ROOM = 2048
"""Packets that wait for a missing one, at most; and how far apart in sequence two packets are of one stream."""
_ASK_AGAIN_S = 0.1


@dataclass(slots=True)
class Counts:
    """Since the stream began."""

    units: int = 0
    """Access units that were whole and handed on."""
    lost: int = 0
    """Packets that never came."""
    damaged: int = 0
    """Times that something was given up as lost."""
    dropped: int = 0
    """Access units not handed on: damaged themselves, or between damage and the next keyframe."""


class Reassembly:
    """Puts a stream's packets in order and its access units together.

    A missing packet is waited for `patience_s`; whoever calls asks the publisher to send it again (`missing`). What is
    given up takes all access units up to the next keyframe with it, since they are predicted from what was lost: VP8's
    decoder would show the damage without a word. `keyframe_wanted` is true then, and at the beginning.
    """

    def __init__(self, payloads: Payloads, patience_s: float = 0.3) -> None:
        self.counts = Counts()
        self.keyframe_wanted = True
        self._payloads = payloads
        self._patience_s = patience_s
        self._sequence, self._clock = _Unwrapped(16), _Unwrapped(32)
        self._waiting: dict[int, RtpPacket] = {}
        self._next: int | None = None
        """The sequence number that continues the stream, unwrapped, as all here are."""
        self._newest = 0
        self._gaps: dict[int, tuple[float, float]] = {}
        """Missing packets: since when, and when to ask again."""
        self._unit: list[bytes] = []
        self._unit_timestamp = 0
        self._broken = False
        """The unit under way lacks its beginning, or one of its packets."""

    def add(self, packet: RtpPacket, now_s: float) -> list[AccessUnit]:
        """The access units that this packet completes."""
        sequence = self._sequence.next(packet.sequence)
        if self._next is None or abs(sequence - self._newest) > _ROOM:  # another stream in its place
            self._begin(sequence, lost=self._next is not None)
        elif sequence < self._next or sequence in self._waiting:
            return []  # a second copy, or too late
        for number in range(self._newest + 1, sequence):
            self._gaps[number] = (now_s, now_s)
        self._gaps.pop(sequence, None)
        self._newest = max(self._newest, sequence)
        self._waiting[sequence] = packet
        units = list(self._in_order())
        while len(self._waiting) > _ROOM:
            units += self._give_up()
        return units

    def expire(self, now_s: float) -> list[AccessUnit]:
        """Give up what is missing for too long; the access units that only waited for it."""
        units: list[AccessUnit] = []
        while self._gaps and now_s - next(iter(self._gaps.values()))[0] >= self._patience_s:
            units += self._give_up()
        return units

    def missing(self, now_s: float) -> list[int]:
        """Sequence numbers (16 bits) to ask the publisher for now; each again after 100 ms, while it is waited for."""
        due = [number for number, (_, again_s) in self._gaps.items() if now_s >= again_s]
        for number in due:
            self._gaps[number] = (self._gaps[number][0], now_s + _ASK_AGAIN_S)
        return [number & 0xFFFF for number in due]

    def _begin(self, sequence: int, lost: bool) -> None:
        self._waiting.clear()
        self._gaps.clear()
        self._unit.clear()
        self._next, self._newest = sequence, sequence - 1
        self._broken = True
        if lost:
            self._damage()

    def _in_order(self) -> Iterator[AccessUnit]:
        """Take what is there in order; an access unit ends with a marker or where the time stamp changes."""
        while self._next is not None and (packet := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            if packet.timestamp != self._unit_timestamp:
                yield from self._end()
                self._unit_timestamp = packet.timestamp
            if self._broken and not self._unit and self._payloads.begins(packet.payload):
                self._broken = False
            self._unit.append(packet.payload)
            if packet.marker:
                yield from self._end()

    def _end(self) -> Iterator[AccessUnit]:
        """The access unit under way is complete, or what there will ever be of it."""
        payloads, broken = self._unit, self._broken
        self._unit = []
        if not any(payloads):
            return  # nothing, or padding
        self._broken = False
        try:
            data, keyframe = (b"", False) if broken else self._payloads.assemble(payloads)
        except ValueError:
            self._damage()
            broken = True
        if broken or not (keyframe or not self.keyframe_wanted):
            self.counts.dropped += 1
            return
        self.keyframe_wanted = False
        self.counts.units += 1
        yield AccessUnit(data, self._clock.next(self._unit_timestamp), keyframe)

    def _give_up(self) -> list[AccessUnit]:
        """Go on behind the first gap."""
        following = min(self._waiting)
        for number in [number for number in self._gaps if number < following]:
            del self._gaps[number]
            self.counts.lost += 1
        if self._unit and self._waiting[following].timestamp != self._unit_timestamp:
            self._unit = []  # its end is lost
            self.counts.dropped += 1
        self._next, self._broken = following, True
        self._damage()
        return list(self._in_order())

    def _damage(self) -> None:
        self.counts.damaged += 1
        self.keyframe_wanted = True


class _Unwrapped:
    """Numbers of few bits that begin again at zero, as numbers that run on; they may go back by half their range."""

    def __init__(self, bits: int) -> None:
        self._half = 1 << (bits - 1)
        self._last: int | None = None

    def next(self, number: int) -> int:
        if self._last is None:
            self._last = number
        else:
            self._last += ((number - self._last + self._half) & (2 * self._half - 1)) - self._half
        return self._last
