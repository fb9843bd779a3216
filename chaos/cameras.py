"""Cameras that fail on demand: the project's RTSP simulator, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.processes import ROOT, free_port
from gateway.simulator import SimulatedCamera, Simulator, SimulatorSettings

VIDEO = ROOT / "media" / "pedestrians.mp4"
SMALL = ROOT / "tests" / "media" / "walk-320.mp4"
ODD = ROOT / "tests" / "media" / "walk-odd.mp4"
FACES_VIDEO = ROOT / "media" / "faces.mp4"
H265 = ROOT / "tests" / "media" / "walk-h265.mp4"

STREET, YARD, DOOR, FACES = "street", "yard", "door", "faces"
NAMES = (STREET, YARD, DOOR)
"""`door` is a device of its own, which can come back with another codec."""


class Cameras:
    """Two cameras of one device, and one of another."""

    def __init__(self, faces: bool = False) -> None:
        """`faces`: the first device has a third one, before which people stand."""
        videos = {STREET: VIDEO, YARD: SMALL} | ({FACES: FACES_VIDEO} if faces else {})
        self.device = Simulator([SimulatedCamera(name, video) for name, video in videos.items()])
        self._port = free_port()
        self._door = self._made(SMALL)

    @property
    def urls(self) -> dict[str, str]:
        """Known once they are on the air."""
        return {name: self.device.url(name) for name in self.device.paths} | {DOOR: self._door.url(DOOR)}

    async def exchange_door(self, h265: bool) -> None:
        """The device goes, and another one is there in its place, that speaks H.265 or H.264."""
        await self._door.close()
        self._door = self._made(H265 if h265 else SMALL)
        await self._door.start()

    def _made(self, video: Path) -> Simulator:
        return Simulator([SimulatedCamera(DOOR, video)], SimulatorSettings(port=self._port))

    @asynccontextmanager
    async def on_air(self) -> AsyncIterator["Cameras"]:
        """They send while the body runs."""
        async with self.device:
            await self._door.start()
            try:
                yield self
            finally:
                await self._door.close()
