"""Publishes a video file's own H.264 over WHIP, again and again: `webrtc_publisher FILE URL…`.

Nothing is encoded: the gateway gets the pictures that it would get over RTSP.
"""

import asyncio
import sys
from fractions import Fraction
from typing import Any

import av
from aiohttp import ClientSession
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

FPS = 25


class Recording(MediaStreamTrack):
    """The access units of a file, as Annex B, in real time."""

    kind = "video"

    def __init__(self, units: list[bytes]) -> None:
        super().__init__()
        self._units = units
        self._sent = 0
        self._began_s = 0.0

    async def recv(self) -> "av.Packet[Any]":
        now_s = asyncio.get_running_loop().time()
        self._began_s = self._began_s or now_s
        await asyncio.sleep(max(0.0, self._began_s + self._sent / FPS - now_s))
        packet = av.Packet(self._units[self._sent % len(self._units)])
        packet.pts, packet.time_base = self._sent * 90_000 // FPS, Fraction(1, 90_000)
        self._sent += 1
        return packet


def units_of(video: str) -> list[bytes]:
    with av.open(video) as container:
        stream = container.streams.video[0]
        whole = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        return [bytes(unit) for packet in container.demux(stream) if packet.size for unit in whole.filter(packet)]


async def publish(units: list[bytes], url: str) -> RTCPeerConnection:
    """A running publisher."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sending = peer.addTransceiver(Recording(units), direction="sendonly")
    known = RTCRtpSender.getCapabilities("video").codecs
    sending.setCodecPreferences([codec for codec in known if codec.mimeType in ("video/H264", "video/rtx")])
    await peer.setLocalDescription(await peer.createOffer())
    async with ClientSession() as http:
        offer = peer.localDescription.sdp
        answer = await http.post(url, data=offer, headers={"Content-Type": "application/sdp"})
        assert answer.status == 201, await answer.text()
        await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    return peer


async def main(video: str, *urls: str) -> None:
    units = units_of(video)
    peers = [await publish(units, url) for url in urls]
    print(f"{len(peers)} publishing", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
