"""A WHIP endpoint on a port of its own, and a reader of what is published there."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import av
from aiohttp import ClientSession

from gateway.web.http import Door, serve_http
from gateway.whip.endpoint import routes
from gateway.whip.ingest import Ingest
from gateway.whip.service import WhipService
from vedette.background import background
from vedette.config.gateway_settings import WebRtc
from vedette.config.listen_settings import Address
from vedette.process.health import Health
from vedette.secrets.secret import SecretText


@dataclass
class Whip:
    """A running endpoint with a place for the camera `lobby`."""

    service: WhipService
    ingest: Ingest
    http: ClientSession
    address: str
    owned: list[bool] = field(default_factory=lambda: [True])

    def url(self, path: str = "/whip/lobby") -> str:
        return f"http://{self.address}{path}"


@asynccontextmanager
async def whip(token: str | None = None, settings: WebRtc | None = None) -> AsyncIterator[Whip]:
    service, door, owned = WhipService(settings or WebRtc()), Door(), [True]
    door.is_open = True
    async with AsyncExitStack() as stack:
        listen = Address(host="127.0.0.1", port=0)
        service.has_camera = {"lobby", "gate"}.__contains__
        address = await stack.enter_async_context(serve_http(Health(), door, routes(service), listen))
        await stack.enter_async_context(background(service.run()))
        secret = SecretText(token) if token else None
        ingest = await stack.enter_async_context(service.place("lobby", secret, lambda: owned[0]))
        await service.listen(ingest)
        http = await stack.enter_async_context(ClientSession())
        yield Whip(service, ingest, http, str(address), owned)


class Viewer:
    """Reads a place's socket as FFmpeg does, and decodes what comes."""

    def __init__(self) -> None:
        self.codec = ""
        self.keyframes: list[bool] = []
        self.timestamps: list[int] = []
        self.frames: list[av.VideoFrame] = []
        self.errors = 0
        self.ended = False

    async def read(self, ingest: Ingest) -> None:
        reader, writer = await asyncio.open_unix_connection(ingest.url.removeprefix("unix://"))
        try:
            header = await reader.readexactly(32)
            self.codec = header[8:12].decode()
            decoder = av.CodecContext.create({"VP80": "vp8", "H264": "h264"}[self.codec], "r")
            assert isinstance(decoder, av.VideoCodecContext)
            while True:
                size, timestamp = struct.unpack("<IQ", await reader.readexactly(12))
                self.timestamps.append(timestamp)
                packet = av.Packet(await reader.readexactly(size))
                try:
                    frames = decoder.decode(packet)
                except av.FFmpegError:
                    self.errors += 1
                    continue
                self.errors += sum(frame.is_corrupt for frame in frames)
                self.frames += frames
                self.keyframes += [bool(frame.key_frame) for frame in frames]
        except asyncio.IncompleteReadError:
            self.ended = True
        finally:
            writer.close()


@asynccontextmanager
async def viewer(ingest: Ingest) -> AsyncIterator[Viewer]:
    """Reads while the body runs; waits for a publisher first."""
    watcher = Viewer()

    async def view() -> None:
        await ingest.until_keyframe()
        await watcher.read(ingest)

    async with background(view()):
        yield watcher
