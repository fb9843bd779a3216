"""Cameras of the web, for tests: MJPEG over HTTP, and live HLS."""

import asyncio
import base64
import itertools
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
from aiohttp import web

from tests.gateway import clips
from tests.gateway.certificates import Certificate
from tests.waiting import until


class WebCamera:
    """Serves /video.mjpg; `passing` is set while pictures go out."""

    def __init__(self, fps: float, user: str | None = None) -> None:
        self.port = 0
        self.passing = asyncio.Event()
        self.passing.set()
        self.viewers = 0
        self.pictures = 0
        """Sent so far, to all."""
        self._fps = fps
        self._user = user
        self._jpegs = clips.jpegs([clips.scene(320, 240, index) for index in range(10)])

    async def video(self, request: web.Request) -> web.StreamResponse:
        if self._user is not None and request.headers.get("Authorization") != _basic(self._user):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="camera"'})
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        self.viewers += 1
        try:
            for jpeg in itertools.cycle(self._jpegs):
                await self.passing.wait()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                await response.write(head.encode() + jpeg + b"\r\n")
                self.pictures += 1
                await asyncio.sleep(1 / self._fps)
        except ConnectionError:
            pass
        finally:
            self.viewers -= 1
        return response

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text="<html>no video</html>", content_type="text/html")


@asynccontextmanager
async def web_camera(
    fps: float = 20, user: str | None = None, certificate: Certificate | None = None, folder: Path | None = None
) -> AsyncIterator[WebCamera]:
    """A camera at /video.mjpg, a page at /, and the files of `folder` at /files/."""
    camera = WebCamera(fps, user)
    app = web.Application()
    app.router.add_get("/video.mjpg", camera.video)
    app.router.add_get("/", camera.page)
    if folder is not None:
        app.router.add_static("/files/", folder)
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.pem, certificate.key)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    camera.port = runner.addresses[0][1]
    try:
        yield camera
    finally:
        camera.passing.set()
        await until(lambda: not camera.viewers, "viewers leave")
        await until(lambda: "pump" not in {thread.name for thread in threading.enumerate()}, "readers let go")
        await _settled()
        await runner.cleanup()
        await _settled()


async def _settled() -> None:
    """Let the loop take in and close connections that never were the runner's: just accepted, or without handshake."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def live_playlist(video: Path, folder: Path, speed: float = 1.0) -> AsyncIterator[Path]:
    """`video` as a live HLS stream of one-second segments in `folder`, again and again; gives its playlist."""
    playlist = folder / "live.m3u8"
    writing = asyncio.create_task(_write(video, playlist, speed))
    try:
        while not playlist.exists():
            assert not writing.done(), writing.result()
            await asyncio.sleep(0.02)
        yield playlist
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def _write(video: Path, playlist: Path, speed: float) -> None:
    options = {"hls_time": "1", "hls_list_size": "3", "hls_flags": "delete_segments"}
    loop = asyncio.get_running_loop()
    began_s, offset = loop.time(), 0
    with av.open(str(playlist), "w", format="hls", options=options) as out:
        stream = None
        while True:
            with av.open(str(video)) as source:
                template = source.streams.video[0]
                stream = stream or out.add_stream_from_template(template)
                end = offset
                for packet in source.demux(template):
                    if packet.dts is None or packet.pts is None:
                        continue
                    assert template.time_base is not None
                    packet.dts, packet.pts = packet.dts + offset, packet.pts + offset
                    end = max(end, packet.dts + (packet.duration or 0))
                    await asyncio.sleep(began_s + float(packet.dts * template.time_base) / speed - loop.time())
                    packet.stream = stream
                    out.mux(packet)
                offset = end


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()
