"""Cameras of a maker that isn't us: GStreamer's RTSP server, with Digest, H.264 and H.265, over TCP and UDP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import simplejpeg
from nats.aio.msg import Msg

from gateway.app import serve
from tests.conftest import MEDIA
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.frames import FrameHeaders
from vedette.messages import Status, StatusEvent
from vedette.process.shell import Stop

pytestmark = pytest.mark.system

SCRIPT = Path(__file__).parent / "gstreamer_rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
H265 = Path(__file__).parent.parent / "media" / "walk-h265.mp4"

StartServer = Callable[..., Awaitable[int]]


@pytest.fixture
async def start_server() -> AsyncIterator[StartServer]:
    """Starts GStreamer's server with these arguments; gives its port."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> int:
        process = await asyncio.create_subprocess_exec(
            SYSTEM_PYTHON, str(SCRIPT), *arguments, stdout=asyncio.subprocess.PIPE
        )
        processes.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 90)
        assert line, "GStreamer's server did not start: is make test-system's package list installed?"
        return int(line)

    yield start
    for process in processes:
        process.kill()
        await process.wait()


class Seen:
    """What a gateway publishes."""

    def __init__(self) -> None:
        self.frames: list[Msg] = []
        self.statuses: list[Status] = []

    @property
    def clocks(self) -> list[str]:
        return [FrameHeaders.decode(frame.headers or {}).clock for frame in self.frames]

    @classmethod
    async def on(cls, bus: Bus) -> "Seen":
        seen = cls()

        async def on_frame(message: Msg) -> None:
            seen.frames.append(message)

        async def on_status(message: Msg) -> None:
            seen.statuses.append(StatusEvent.model_validate_json(message.data).data)

        await bus.client.subscribe("vedette.frame.>", cb=on_frame)
        await bus.client.subscribe("vedette.status.>", cb=on_status)
        return seen


@contextlib.asynccontextmanager
async def gateway(nats_server: NatsServer, url: str, transport: str = "auto") -> AsyncIterator[None]:
    config = Config.model_validate(
        {
            "site": "test",
            "nats": {"url": nats_server.url},
            "cameras": {"gate": {"url": url, "pipeline": "people", "transport": transport}},
            "pipelines": {"people": {"sampling": {"fps": 5}, "stages": [{"model": "coco-detector"}]}},
            "retention": nats_server.address.retention.model_dump(),
        }
    )
    stop = Stop()
    serving = asyncio.create_task(serve(config, Address(host="127.0.0.1", port=0), stop))
    try:
        yield
    finally:
        stop.request()
        assert await serving == 0


@pytest.mark.parametrize(
    ("video", "codec", "server_transport", "our_transport"),
    [
        (MEDIA / "pedestrians.mp4", "h264", "tcp", "auto"),
        (MEDIA / "pedestrians.mp4", "h264", "udp", "auto"),
        (MEDIA / "pedestrians.mp4", "h264", "udp", "udp"),
        (H265, "h265", "tcp", "tcp"),
        (H265, "h265", "udp", "udp"),
        (MEDIA / "pedestrians.mp4", "h264", "tcp", "http"),
    ],
)
async def test_a_camera_with_digest_goes_live_and_its_frames_are_published(
    nats_server: NatsServer,
    bus: Bus,
    start_server: StartServer,
    video: Path,
    codec: str,
    server_transport: str,
    our_transport: str,
) -> None:
    port = await start_server(str(video), codec, "operator", "pa@ss/word", f"--{server_transport}")
    seen = await Seen.on(bus)
    async with gateway(nats_server, f"rtsp://operator:pa%40ss%2Fword@127.0.0.1:{port}/camera", our_transport):
        await until(lambda: len(seen.frames) >= 3, f"three frames; {seen.statuses}")
        await until(lambda: seen.statuses and seen.statuses[-1].state == "live", f"live; {seen.statuses}")
        if codec == "h264":  # the first sender report comes after seconds; the other clip is over by then
            await until(lambda: seen.clocks[-1] == "rtcp", f"the camera's clock; {seen.statuses}")
    headers = [FrameHeaders.decode(frame.headers or {}) for frame in seen.frames]
    assert [header.seq for header in headers] == list(range(len(headers)))
    assert headers[0].clock == "arrival"
    height, width, *_ = simplejpeg.decode_jpeg_header(seen.frames[0].data)
    assert (headers[0].width, headers[0].height) == ((768, 576) if codec == "h264" else (384, 288))
    assert (width, height) == ((640, 480) if codec == "h264" else (384, 288))
    assert seen.statuses[-1].codec == {"h264": "h264", "h265": "hevc"}[codec]


async def test_a_wrong_password_is_said_in_the_status_without_the_password(
    nats_server: NatsServer, bus: Bus, start_server: StartServer
) -> None:
    port = await start_server(str(MEDIA / "pedestrians.mp4"), "h264", "operator", "right")
    seen = await Seen.on(bus)
    async with gateway(nats_server, f"rtsp://operator:tell-nobody@127.0.0.1:{port}/camera"):
        await until(lambda: any(status.state == "offline" for status in seen.statuses), "offline")
    offline = next(status for status in seen.statuses if status.state == "offline")
    assert offline.reason is not None
    assert "tell-nobody" not in offline.reason
    assert "password" in offline.reason or "credentials" in offline.reason or "unauthorized" in offline.reason.lower()
    assert not seen.frames


async def test_a_stream_that_its_server_ends_is_opened_again(
    nats_server: NatsServer, bus: Bus, start_server: StartServer
) -> None:
    port = await start_server(str(H265), "h265")
    seen = await Seen.on(bus)
    async with gateway(nats_server, f"rtsp://127.0.0.1:{port}/camera"):
        await until(lambda: any(status.state == "offline" for status in seen.statuses), "the file's end")
        await until(lambda: seen.statuses[-1].state == "live", "live again")
    assert seen.statuses[-1].reconnects >= 1
