"""RTP packets (RFC 3550, section 5.1), packets sent again (RFC 4588), and what a receiver reports of both. Pure."""

import struct
from dataclasses import dataclass, replace

_HEADER = struct.Struct("!BBHLL")
_VERSION, _PADDING, _EXTENSION, _SOURCES = 0xC0, 0x20, 0x10, 0x0F


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """A packet without what nobody here needs: contributing sources, header extensions, padding."""

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    """SSRC."""
    marker: bool
    payload: bytes

    @classmethod
    def read(cls, data: bytes) -> "RtpPacket":
        """Raises ValueError when it is none, or cut off."""
        try:
            first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
            start = 12 + 4 * (first & _SOURCES)
            if first & _EXTENSION:
                start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        except struct.error:
            raise ValueError("an RTP packet is cut off") from None
        end = len(data) - (data[-1] if first & _PADDING else 0)
        if first & _VERSION != 0x80 or end < start:
            raise ValueError("no RTP packet")
        return cls(second & 0x7F, sequence, timestamp, source, second >= 0x80, data[start:end])

    def original(self, payload_type: int) -> "RtpPacket | None":
        """The packet that this one sends again, on the sender's own account; None: padding."""
        if len(self.payload) < 2:
            return None
        sequence = int.from_bytes(self.payload[:2], "big")
        return replace(self, payload_type=payload_type, sequence=sequence, payload=self.payload[2:])


class Reception:
    """What a receiver tells the sender of one source (RFC 3550, sections 6.4.1, A.3 and A.8)."""

    def __init__(self, first: RtpPacket, clock_hz: int) -> None:
        self.highest = first.sequence
        """The highest sequence number, with its cycles above 16 bits."""
        self._before = first.sequence - 1
        self._clock_hz = clock_hz
        self._received = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._last = (0, 0)

    def add(self, packet: RtpPacket, now_s: float) -> None:
        self._received += 1
        step = ((packet.sequence - self.highest + 0x8000) & 0xFFFF) - 0x8000
        if step <= 0 and self._received > 1:
            return
        self.highest += step
        transit = now_s * self._clock_hz - packet.timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < self._clock_hz * 10:  # beyond, the time stamps began anew
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    @property
    def jitter(self) -> int:
        """In ticks of the source's clock."""
        return int(self._jitter)

    @property
    def lost(self) -> int:
        """Since the beginning; as the report's 24 bits have it."""
        return max(-(1 << 23), min((1 << 23) - 1, self.highest - self._before - self._received))

    def fraction_lost(self) -> int:
        """Of 256, since the last call."""
        now = (self.highest - self._before, self._received)
        expected, received = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        lost = expected - received
        return min(255, lost * 256 // expected) if expected > 0 and lost > 0 else 0
