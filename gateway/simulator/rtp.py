"""The RTP stream of a camera (RFC 3550): one SSRC, one sequence, one media clock, for as long as the camera is on."""

import random
import struct
import time
from collections.abc import Sequence

CLOCK_HZ = 90_000
HEADER_BYTES = 12
_NTP_OFFSET_S = 2_208_988_800  # from 1900 to 1970


class RtpStream:
    """Numbers and stamps packets. All clients of a camera get the same ones, as by multicast.

    The media clock follows the clock of ``captured_s``, so that timestamps run on over loops, idle times and changes
    of the file, and the wall clock is had by a sender report.
    """

    def __init__(
        self, name: str, seed: int | None = None, first_timestamp: int | None = None, payload_type: int = 96
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - RFC 3550, 5.1 asks for unpredictable, not for secret
        self.ssrc = chance.getrandbits(32)
        self._sequence = chance.getrandbits(16)
        self._offset = chance.getrandbits(32) if first_timestamp is None else first_timestamp
        self._name = name.encode()
        self._payload_type = payload_type
        self._packets = 0
        self._octets = 0

    def packets(self, payloads: Sequence[bytes], captured_s: float) -> list[bytes]:
        """The RTP packets of one access unit; the last has the marker bit (RFC 3550, 5.1; RFC 6184, 5.1)."""
        stamp = self._timestamp(captured_s)
        last = len(payloads) - 1
        packets = [self._header(index == last, stamp) + payload for index, payload in enumerate(payloads)]
        self._packets += len(packets)
        self._octets += sum(map(len, payloads))
        return packets

    def jump(self, by_s: float) -> None:
        """Let the media clock leap, as a camera's does that sets its time or starts its encoder again."""
        self._offset = (self._offset + round(by_s * CLOCK_HZ)) & 0xFFFF_FFFF

    def report(self, now_s: float, clock_off_s: float = 0.0) -> bytes:
        """A sender report and the mandatory CNAME (RFC 3550, 6.4.1 and 6.5): what the wall clock is at ``now_s``.

        The camera's wall clock is ``clock_off_s`` ahead of this machine's.
        """
        ntp = round((time.time() + clock_off_s + _NTP_OFFSET_S) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF
        counts = self._packets & 0xFFFF_FFFF, self._octets & 0xFFFF_FFFF
        sender = struct.pack("!BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, self._timestamp(now_s), *counts)
        item = bytes([1, min(len(self._name), 255)]) + self._name[:255]
        chunk = item + bytes(4 - len(item) % 4)
        return sender + struct.pack("!BBHI", 0x81, 202, 1 + len(chunk) // 4, self.ssrc) + chunk

    def _header(self, marker: bool, stamp: int) -> bytes:
        header = struct.pack("!BBHII", 0x80, marker << 7 | self._payload_type, self._sequence, stamp, self.ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        return header

    def _timestamp(self, at_s: float) -> int:
        return (self._offset + round(at_s * CLOCK_HZ)) & 0xFFFF_FFFF


class Loser:
    """Loses a share of packets, in bursts as radio links do (Gilbert's model), by a seeded generator."""

    _BURST = 4.0

    def __init__(self, seed: int, share: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeatable loss, no secret
        self._fades = share / (self._BURST * (1 - share))
        self._faded = False

    def passes(self) -> bool:
        """Whether the next packet arrives."""
        turns = self._chance.random() < (1 / self._BURST if self._faded else self._fades)
        self._faded ^= turns
        return not self._faded


class Garbler:
    """Damages RTP packets: a share of them, taken by a seeded generator, gets random bytes for a payload.

    The RTP header and the first bytes of the payload (its NAL unit and fragment headers) stay, so that it is the
    decoder that meets the damage, as with a camera behind a bad radio link.
    """

    _KEPT_BYTES = HEADER_BYTES + 3

    def __init__(self, seed: int, share: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
        self._share = share

    def damage(self, packet: bytes) -> bytes:
        """The packet, or one of the same length and header with random contents."""
        room = len(packet) - self._KEPT_BYTES
        if room <= 0 or self._chance.random() >= self._share:
            return packet
        return packet[: self._KEPT_BYTES] + self._chance.randbytes(room)
