"""A publisher for tests: aiortc's peer, whose packets can be lost and whose candidates can be told later."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiohttp import ClientResponse, ClientSession
from aioice import Candidate, Connection
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

FPS = 25
SIZE = (160, 120)


class Square(MediaStreamTrack):
    """A bright square that wanders over a dark picture."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self._former: list[Connection] = []
        self._began_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        now_s = asyncio.get_running_loop().time()
        self._began_s = now_s if self._began_s is None else self._began_s
        await asyncio.sleep(max(0.0, self._began_s + self.sent / FPS - now_s))
        picture = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
        left = self.sent * 2 % (SIZE[0] - 40)
        picture[40:80, left : left + 40] = 220
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self.sent * 90_000 // FPS, Fraction(1, 90_000)
        self.sent += 1
        return frame


class Peer:
    """Publishes `Square`. `lose(n)` decides whether the n-th RTP packet gets lost on its way."""

    def __init__(self, codec: str = "VP8", sound: bool = False) -> None:
        self.lose: Callable[[int], bool] = lambda number: False
        self.resends = True
        """False: nothing is sent again, whatever is asked for."""
        self.lost = 0
        self.location = ""
        self.etag = ""
        self.answer = ""
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.track = Square()
        if sound:
            self._connection.addTrack(AudioStreamTrack())
        transceiver = self._connection.addTransceiver(self.track, direction="sendonly")
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([one for one in known if one.mimeType in (f"video/{codec}", "video/rtx")])
        self.sent = 0
        self._former: list[Connection] = []

    @property
    def state(self) -> str:
        return self._connection.connectionState

    @property
    def candidates(self) -> list[str]:
        return [line for line in self.offer.splitlines() if line.startswith("a=candidate:")]

    @property
    def ice_lines(self) -> list[str]:
        """The offer's user name fragment and password, once."""
        lines = self.offer.splitlines()
        return [next(line for line in lines if line.startswith(name)) for name in ("a=ice-ufrag", "a=ice-pwd")]

    @property
    def offer(self) -> str:
        return str(self._connection.localDescription.sdp)

    async def make_offer(self) -> str:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self.offer

    async def post(
        self, session: ClientSession, url: str, *, trickle: bool = False, token: str | None = None
    ) -> ClientResponse:
        """Offer; with `trickle` without the candidates. An answer is taken at once."""
        offer = await self.make_offer()
        if trickle:
            kept = [line for line in offer.splitlines() if "candidate" not in line]
            offer = "\r\n".join(kept) + "\r\n"
        headers = {"Content-Type": "application/sdp", **({"Authorization": f"Bearer {token}"} if token else {})}
        response = await session.post(url, data=offer, headers=headers)
        if response.status == 201:
            self.location, self.etag = response.headers["Location"], response.headers["ETag"]
            self.answer = await response.text()
            await self._connection.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))
            self._spoil_the_path()
        return response

    async def restart_ice(self, session: ClientSession, url: str) -> ClientResponse:
        """A new ICE session under the running DTLS (aiortc can't do that itself)."""
        fresh = Connection(ice_controlling=True)
        await fresh.gather_candidates()
        lines = [
            f"a=ice-ufrag:{fresh.local_username}",
            f"a=ice-pwd:{fresh.local_password}",
            *(f"a=candidate:{candidate.to_sdp()}" for candidate in fresh.local_candidates),
        ]
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": '"*"'}
        response = await session.patch(url, data="\r\n".join(lines), headers=headers)
        for line in (await response.text()).splitlines():
            name, _, value = line.removeprefix("a=").partition(":")
            if name == "ice-ufrag":
                fresh.remote_username = value
            elif name == "ice-pwd":
                fresh.remote_password = value
            elif name == "candidate":
                await fresh.add_remote_candidate(Candidate.from_sdp(value))
        before = self._ice._connection
        fresh.data_received = before.data_received  # type: ignore[method-assign]
        await fresh.connect()
        self._ice._connection, self._ice._send = fresh, fresh.send
        self._spoil_the_path()
        self._former.append(before)
        return response

    def vanish(self) -> None:
        """Send nothing any more, not even a goodbye."""
        for protocol in self._ice._connection._protocols:
            protocol.transport.abort()

    async def close(self) -> None:
        for connection in self._former:
            await connection.close()
        await self._connection.close()

    @property
    def _ice(self) -> Any:
        (sender,) = (one for one in self._connection.getSenders() if one.kind == "video")
        return sender.transport.transport

    def _spoil_the_path(self) -> None:
        send = self._ice._send
        again = {int(number) for number in re.findall(r"a=rtpmap:(\d+) rtx", self.answer)}

        async def unreliable(data: bytes) -> None:
            if 128 <= data[0] < 192 and not 192 <= data[1] <= 223:  # RTP, and not RTCP (RFC 5761)
                self.sent += 1
                if self.lose(self.sent) or (not self.resends and data[1] & 0x7F in again):
                    self.lost += 1
                    return
            await send(data)

        self._ice._send = unreliable


@asynccontextmanager
async def peer(codec: str = "VP8", sound: bool = False) -> AsyncIterator[Peer]:
    publisher = Peer(codec, sound)
    try:
        yield publisher
    finally:
        await publisher.close()
