"""The simulator: cameras whose pictures come from files, and which fail when they are told to."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from gateway.simulator.camera import LiveCamera, Sent
from gateway.simulator.clip import Clip, load
from gateway.simulator.rtp import Garbler, Loser
from gateway.simulator.server import Server
from gateway.simulator.settings import SimulatedCamera, SimulatorSettings


class Simulator:
    """Serves ``cameras`` between ``start`` and ``close``, any number of times, on the same port.

    The faults (``stall``, ``slow``, ``garble``, ``lose``, ``vanish``) hold for a camera until ``resume`` or ``close``.
    All methods belong to the event loop that ``start`` ran in; a path that is no camera's raises ``KeyError``.
    """

    def __init__(self, cameras: Iterable[SimulatedCamera], settings: SimulatorSettings | None = None) -> None:
        self._settings = settings or SimulatorSettings()
        self._simulated = {camera.path: camera for camera in cameras}
        self._clips: dict[Path, Clip] = {}
        self._cameras: dict[str, LiveCamera] = {}
        self._server: Server | None = None
        self._port = self._settings.port
        self._running: asyncio.Task[None] | None = None

    @property
    def host(self) -> str:
        """An address at which clients on this machine reach the server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host)

    @property
    def port(self) -> int:
        """The RTSP port; known after the first start."""
        return self._port

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the cameras."""
        return tuple(self._simulated)

    def url(self, path: str) -> str:
        """Where to watch the camera, with the credentials for it."""
        if path not in self._simulated:
            raise KeyError(path)
        credentials = self._settings.credentials
        user = f"{quote(credentials.user, '')}:{quote(credentials.password, '')}@" if credentials else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtsp://{user}{host}:{self._port}/{path}"

    async def start(self) -> None:
        """Read the files, then serve. Raises ``VideoError`` and ``AddressTaken``."""
        if self._running is not None:
            raise RuntimeError("the simulator runs already")
        for camera in self._simulated.values():
            clip = await self._clip(camera.video)
            self._cameras[camera.path] = LiveCamera(
                camera.path, clip, camera.fps, camera.clock_off_s, camera.first_timestamp, camera.audio
            )
        server = Server(self._cameras, self._settings)
        self._port = await server.bind(self._port)
        self._server = server
        self._running = asyncio.create_task(server.run(), name="simulator")

    async def close(self) -> None:
        """Drop all clients and free the port; what was started can be started again."""
        if self._running is None or self._server is None:
            return
        running, self._running = self._running, None
        await self._server.refuse()
        running.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            self._server.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def clip(self, path: str) -> Clip:
        """What the camera plays now."""
        return self._cameras[path].clip

    def viewers(self, path: str) -> int:
        """How many clients the camera plays to."""
        return self._cameras[path].viewers

    def sent(self, path: str) -> Sent:
        """What the camera has sent so far."""
        return self._cameras[path].sent

    def stall(self, path: str) -> None:
        """Fall silent: connections stay, new ones are let in, and who plays gets no packet and no answer."""
        self._cameras[path].faults.stalled = True

    def slow(self, path: str, rate: float) -> None:
        """Send late: ``rate`` (0 to 1) of the pictures due in a time go out in it, stamped as they were captured."""
        if not 0 < rate <= 1:
            raise ValueError(f"rate is {rate}; it must be above 0 and at most 1")
        self._cameras[path].faults.rate = rate

    def garble(self, path: str, seed: int = 0, share: float = 1.0) -> None:
        """Fill a ``share`` of the packets with random bytes; what a seed damages is the same each time."""
        self._cameras[path].faults.garbler = Garbler(seed, share)

    def lose(self, path: str, seed: int = 0, share: float = 0.02) -> None:
        """Lose a ``share`` of the packets, in bursts, as a radio link does; what a seed loses is the same each time."""
        if not 0 < share < 0.8:
            raise ValueError(f"share is {share}; it must be above 0 and below 0.8")
        self._cameras[path].faults.loser = Loser(seed, share)

    def set_clock(self, path: str, off_s: float | None) -> None:
        """Set the camera's wall clock ``off_s`` ahead of this machine's; ``None``: it tells none any more."""
        self._cameras[path].set_clock(off_s)

    def jump(self, path: str, by_s: float) -> None:
        """Let the camera's time stamps leap ahead, or back."""
        self._cameras[path].jump(by_s)

    def vanish(self, path: str) -> None:
        """Go away: the connections that asked for the camera are reset, and new ones are answered 404."""
        camera = self._cameras[path]
        camera.faults.vanished = True
        if self._server is not None:
            self._server.drop(path)

    def resume(self, path: str) -> None:
        """End every fault of the camera; clients go on with the next keyframe."""
        self._cameras[path].recover()

    async def switch(self, path: str, video: Path) -> None:
        """Go on with another file in the same stream; its parameter sets come in band, with its first picture.

        Raises ``VideoError`` when it cannot be read, ``ValueError`` when its codec is not the one announced.
        """
        self._cameras[path].switch(await self._clip(video))

    async def _clip(self, video: Path) -> Clip:
        if video not in self._clips:
            self._clips[video] = await asyncio.to_thread(load, video)
        return self._clips[video]
