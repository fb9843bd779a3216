"""How packets leave: interleaved in the RTSP connection, or as UDP datagrams. Neither ever waits."""

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

Address = tuple[str, int]


class Burst:
    """Some RTP packets of one picture, framed once for all the clients which want them framed."""

    def __init__(self, packets: Sequence[bytes]) -> None:
        self.packets = packets
        self._framed: dict[int, bytes] = {}

    def interleaved(self, channel: int) -> bytes:
        """The packets as embedded binary data (RFC 2326, 10.12)."""
        if channel not in self._framed:
            self._framed[channel] = b"".join(frame(channel, packet) for packet in self.packets)
        return self._framed[channel]


def frame(channel: int, packet: bytes) -> bytes:
    """One packet as embedded binary data (RFC 2326, 10.12)."""
    return struct.pack("!cBH", b"$", channel, len(packet)) + packet


class Outlet(Protocol):
    """A client's end of the stream."""

    def backlog_bytes(self) -> int:
        """What was sent and has not left this process yet."""
        ...

    def send(self, burst: Burst) -> None: ...

    def report(self, rtcp: bytes) -> None: ...


class TcpOutlet:
    """RTP on channel ``channel`` of an RTSP connection, RTCP on the next."""

    def __init__(self, transport: asyncio.WriteTransport, channel: int) -> None:
        self._transport = transport
        self._channel = channel

    def backlog_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def send(self, burst: Burst) -> None:
        if not self._transport.is_closing():
            self._transport.write(burst.interleaved(self._channel))

    def report(self, rtcp: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frame(self._channel + 1, rtcp))


class UdpOutlet:
    """RTP and RTCP from the server's pair of UDP ports to the client's."""

    def __init__(self, ports: "UdpPorts", host: str, rtp_port: int, rtcp_port: int) -> None:
        self._ports = ports
        self._rtp: Address = (host, rtp_port)
        self.rtcp: Address = (host, rtcp_port)

    def backlog_bytes(self) -> int:
        size_bytes: int = self._ports.rtp.get_write_buffer_size()  # type: ignore[attr-defined] # typeshed lacks it
        return size_bytes

    def send(self, burst: Burst) -> None:
        for packet in burst.packets:
            self._ports.rtp.sendto(packet, self._rtp)

    def report(self, rtcp: bytes) -> None:
        self._ports.rtcp.sendto(rtcp, self.rtcp)


class UdpPorts:
    """An even port for RTP and the next one for RTCP (RFC 3550, 11), shared by all sessions of a server."""

    def __init__(self, rtp: asyncio.DatagramTransport, rtcp: asyncio.DatagramTransport) -> None:
        self.rtp = rtp
        self.rtcp = rtcp
        self.numbers: tuple[int, int] = (_port(rtp), _port(rtcp))

    @classmethod
    async def bind(cls, host: str, heard: Callable[[Address], None], attempts: int = 50) -> "UdpPorts":
        """Take a free pair; ``heard`` is told who sent RTCP. Raises ``OSError`` when there is none."""
        error: OSError | None = None
        for _ in range(attempts):
            rtp = await _listen(host, 0, lambda _: None)
            port = _port(rtp)
            try:
                if port % 2 == 0:
                    return cls(rtp, await _listen(host, port + 1, heard))
            except OSError as taken:
                error = taken
            rtp.close()
        raise error or OSError("no pair of UDP ports is free")

    def close(self) -> None:
        """Give both ports back."""
        self.rtp.abort()
        self.rtcp.abort()


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[Address], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._heard(addr[:2])


async def _listen(host: str, port: int, heard: Callable[[Address], None]) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(heard), local_addr=(host, port))
    return transport


def _port(transport: asyncio.DatagramTransport) -> int:
    port: int = transport.get_extra_info("sockname")[1]
    return port
