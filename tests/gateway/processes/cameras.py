"""Cameras in decode processes, and what a test hears of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from gateway.errors import GatewayError
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes.messages import ReaderPlan
from gateway.processes.pool import DecodePool, decode_pool
from gateway.processes.remote_reader import RemoteReader
from gateway.reading.interface import ReaderStats, ReadOptions, StreamInfo
from gateway.reading.sampler import Sampling
from tests.gateway.run_gateway import decode_processes
from tests.gateway.run_reader import WALK
from tests.waiting import until
from vedette.background import end


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.stats = ReaderStats()
        self.readers = 0
        self.frames = 0
        self.superseded = 0
        self.waited_for: set[str] = set()

    def on_reader(self, stats: ReaderStats) -> None:
        self.stats = stats
        self.readers += 1

    def on_waiting(self, why: str) -> None:
        self.waited_for.add(why)

    def on_frame(self, frame: SampledFrame, superseded: int) -> None:
        self.frames += 1
        self.superseded += superseded

    def on_stream(self, info: StreamInfo) -> None:
        pass

    def on_stalled(self, silent_s: float) -> None:
        pass

    def on_live(self) -> None:
        pass


def plan(url: str = str(WALK), fps: float | None = None, **options: Any) -> ReaderPlan:
    return ReaderPlan(url, (Output("people", 160, 85, Sampling(fps)),), ReadOptions(**options))


class Camera:
    """A reader that is run, and what it says."""

    def __init__(self, pool: DecodePool, name: str, what: ReaderPlan) -> None:
        self.pool = pool
        self.heard = Heard()
        self.reader: RemoteReader = pool.reader(name, what, self.heard)
        self.run = asyncio.create_task(self.reader.run())

    def again(self) -> None:
        self.run = asyncio.create_task(self.reader.run())

    async def ends(self) -> str:
        """Wait for the error that ends the run."""
        with pytest.raises(GatewayError) as caught:
            await asyncio.wait_for(self.run, 40)
        return f"{type(caught.value).__name__}: {caught.value}"

    async def gives(self, more: int = 3) -> None:
        """Wait for frames."""
        count = self.heard.frames
        await until(lambda: self.heard.frames >= count + more, "frames")


@asynccontextmanager
async def cameras(processes: int, *plans: ReaderPlan) -> AsyncIterator[list[Camera]]:
    async with decode_pool(processes) as pool:
        running = [Camera(pool, f"c{number}", what) for number, what in enumerate(plans)]
        try:
            yield running
        finally:
            await end([camera.run for camera in running])
    assert decode_processes() == []


def process_of(camera: Camera) -> psutil.Process:
    """The only process that has this camera's connection or file; there is one process a camera."""
    slot = camera.reader._slot
    assert slot is not None
    assert slot._link is not None
    return psutil.Process(slot._link._child.pid)
