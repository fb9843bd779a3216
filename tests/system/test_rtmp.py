"""RTMP from a server that isn't ours: Debian's ffmpeg, which listens and plays a file."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.reading.sampler import Sampling
from tests.conftest import MEDIA
from tests.free_ports import free_port
from tests.gateway.run_reader import running
from tests.waiting import until

pytestmark = pytest.mark.system


@pytest.fixture
async def rtmp_url() -> AsyncIterator[str]:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/gate"
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-re", "-i", str(MEDIA / "pedestrians.mp4"), "-an", "-c", "copy"),
        *("-f", "flv", "-listen", "1", url),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await until(lambda: _listens(port), "ffmpeg listens")
    yield url
    process.kill()
    await process.wait()


def _listens(port: int) -> bool:
    """Whether the kernel has a listening socket there; connecting would take its only client's place."""
    with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123 -- no file
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in table)


async def test_rtmp_is_pulled(rtmp_url: str) -> None:
    async with running(rtmp_url, Sampling(5)) as run:
        await run.until(lambda: len(run.frames) >= 5)
    assert (run.infos[0].codec, run.infos[0].transport) == ("h264", "rtmp")
    assert run.frames[0].width == 768
    assert run.reader.stats.corrupt == 0
