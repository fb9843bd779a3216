"""The receiving end of a publisher's video: RTP in, access units out, and what the publisher is told of it.

Takes the place of aiortc's `RTCRtpReceiver`, which decodes what it receives in a thread behind unbounded queues, waits
for a lost packet until 512 others have come (seconds), and hands out a frame only when the next one begins.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    pack_remb_fci,
)

from gateway.whip.access_unit import AccessUnit, Payloads
from gateway.whip.h264 import H264Payloads
from gateway.whip.offer import CLOCK_HZ, Codec
from gateway.whip.reassembly import Counts, Reassembly
from gateway.whip.rtp import Reception, RtpPacket
from gateway.whip.vp8 import Vp8Payloads

_TICK_S = 0.05
_REPORT_EVERY_S = 1.0
_KEYFRAME_AGAIN_S = 0.5
_NACKS = 128
"""Missing packets in one request; where more are missing, a keyframe is the quicker help."""


@dataclass(frozen=True, slots=True)
class _SenderReport:
    middle: int
    """The middle 32 bits of its NTP time stamp."""
    came_s: float


class Receiver:
    """One video stream. `deliver` gets its access units, `send` sends RTCP and may raise ConnectionError."""

    def __init__(
        self,
        codec: Codec,
        deliver: Callable[[AccessUnit], None],
        send: Callable[[bytes], Awaitable[None]],
        bitrate_kbps: int,
    ) -> None:
        self._codec = codec
        self._deliver = deliver
        self._send = send
        self._bitrate_kbps = bitrate_kbps
        self._reassembly = Reassembly(payloads_of(codec))
        self._source: int | None = None
        self._reception: Reception | None = None
        self._report: _SenderReport | None = None
        self._own = random.getrandbits(32)
        self._reported_s = 0.0
        self._asked_s = 0.0
        self._wanted = False

    @property
    def counts(self) -> Counts:
        return self._reassembly.counts

    def want_keyframe(self) -> None:
        """Somebody has to begin anew; the publisher is asked until a keyframe comes."""
        self._wanted = True

    async def on_rtp(self, data: bytes) -> None:
        """Take a decrypted packet; one that is none is ignored."""
        try:
            packet: RtpPacket | None = RtpPacket.read(data)
        except ValueError:
            return
        if packet is not None and packet.payload_type == self._codec.retransmission:
            packet = packet.original(self._codec.payload_type)
        elif packet is not None and packet.payload_type == self._codec.payload_type:
            self._account(packet)
        else:
            packet = None
        if packet is not None:
            self._hand_on(self._reassembly.add(packet, monotonic()))
            await self._ask()

    def on_rtcp(self, data: bytes) -> None:
        """Take a decrypted RTCP packet; one that is none is ignored."""
        try:
            packets = RtcpPacket.parse(data)
        except (ValueError, IndexError):
            return
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.ssrc == self._source:
                middle = (packet.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
                self._report = _SenderReport(middle, monotonic())

    async def run(self) -> None:
        """Give up what is lost, ask for it before that, and report, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            if self._source is None:
                continue
            self._hand_on(self._reassembly.expire(monotonic()))
            await self._ask()
            if monotonic() - self._reported_s >= _REPORT_EVERY_S:
                await self._tell()

    def _account(self, packet: RtpPacket) -> None:
        now_s = monotonic()
        if packet.source != self._source or self._reception is None:
            self._source, self._report = packet.source, None
            self._reception = Reception(packet, CLOCK_HZ)
            self._asked_s = now_s  # a stream begins with a keyframe that nobody asked for
        self._reception.add(packet, now_s)

    def _hand_on(self, units: list[AccessUnit]) -> None:
        for unit in units:
            self._wanted = self._wanted and not unit.keyframe
            self._deliver(unit)

    async def _ask(self) -> None:
        """Ask for missing packets (RFC 4585, 6.2.1), and for a keyframe (6.3.1) where one is needed."""
        now_s = monotonic()
        if "nack" in self._codec.feedback and (missing := self._reassembly.missing(now_s)):
            request = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self._own, media_ssrc=self._source or 0)
            request.lost = missing[-_NACKS:]
            await self._send(bytes(request))
        wanted = self._wanted or self._reassembly.keyframe_wanted
        if wanted and now_s - self._asked_s >= _KEYFRAME_AGAIN_S:
            self._asked_s = now_s
            await self._send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._own, media_ssrc=self._source or 0)))

    async def _tell(self) -> None:
        """Report reception, and how much may be sent: a browser begins with that, and slows down when it loses."""
        self._reported_s = monotonic()
        reception, report, source = self._reception, self._report, self._source or 0
        if reception is None:
            return
        since_s = 0.0 if report is None else self._reported_s - report.came_s
        block = RtcpReceiverInfo(
            ssrc=source,
            fraction_lost=reception.fraction_lost(),
            packets_lost=reception.lost,
            highest_sequence=reception.highest & 0xFFFFFFFF,
            jitter=reception.jitter,
            lsr=0 if report is None else report.middle,
            dlsr=min(int(since_s * 65536), 0xFFFFFFFF),
        )
        words = bytes(RtcpRrPacket(ssrc=self._own, reports=[block]))
        if "goog-remb" in self._codec.feedback:
            limit = pack_remb_fci(self._bitrate_kbps * 1000, [source])
            words += bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self._own, media_ssrc=0, fci=limit))
        await self._send(words)


def payloads_of(codec: Codec) -> Payloads:
    """How the codec is cut into payloads."""
    return Vp8Payloads() if codec.name == "VP8" else H264Payloads(codec.parameter("sprop-parameter-sets"))
