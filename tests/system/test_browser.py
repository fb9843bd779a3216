"""A browser publishes to a gateway over WebRTC: Chromium, headless, with a page of another origin."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web

from gateway.whip.session import LEFT
from tests.gateway.run_gateway import SITE, Witness, configured, gateway
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.fleet.members import live_members

pytestmark = pytest.mark.system

PAGE = Path(__file__).parent / "publish.html"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio")


@contextlib.asynccontextmanager
async def page() -> AsyncIterator[str]:
    """Serves the page; gives its URL."""
    application = web.Application()

    async def publish(request: web.Request) -> web.Response:
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    application.add_routes([web.get("/", publish)])
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def chromium(url: str, profile: Path) -> AsyncIterator[None]:
    """A browser that shows `url`."""
    arguments = (*FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url)
    process = await asyncio.create_subprocess_exec(
        "chromium", *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize(("codec", "named"), [("VP8", "vp8"), ("H264", "h264")])
async def test_a_browser_s_pictures_become_frames_until_it_leaves(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, codec: str, named: str
) -> None:
    witness = await Witness.on(bus)
    lobby = {"url": "whip", "pipeline": "people", "token": "tell-nobody"}
    async with gateway(configured(nats_server, {"lobby": lobby})), page() as shown:
        await until_async(lambda: live_members(bus, SITE), "it is a member")
        (member,) = await live_members(bus, SITE)
        whip = f"http://{member.http}/whip/lobby"
        asked = urlencode({"whip": whip, "codec": codec, "token": "tell-nobody", "seconds": 8})
        await until(lambda: witness.is_("lobby", "offline"), "it has the camera, and waits for a publisher")
        async with chromium(f"{shown}?{asked}", tmp_path / "profile"):
            await until(lambda: witness.is_("lobby", "live"), "live")
            await until(lambda: len(witness.of("lobby")) >= 10, "frames")
            assert witness.last("lobby").codec in (named, None)
            await until(lambda: witness.is_("lobby", "offline"), "offline")
    ends = [status.reason for status in witness.statuses if status.state == "offline"]
    assert LEFT in ends
    frame = witness.of("lobby")[-1].headers
    assert frame.width * 9 == frame.height * 16  # a browser may scale it down
