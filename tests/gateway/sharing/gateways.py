"""Gateways as processes of their own, a fleet of simulated cameras, and a witness of every frame."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gateway.sharing.stand import Stand, stand_of
from tests.gateway.run_gateway import PEOPLE, SITE, Witness, configured
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.fleet.member_watch import MemberWatch
from vedette.fleet.members import Member
from vedette.fleet.rendezvous import first

STOPS_WITHIN_S = 60.0


@dataclass
class GatewayProcess:
    """`vedette gateway CONFIG`."""

    process: asyncio.subprocess.Process
    name: str = ""
    """As a member."""

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        self.process.terminate()
        assert await asyncio.wait_for(self.process.wait(), STOPS_WITHIN_S) == 0


class Site:
    """Starts gateways of one site, and looks at who has which camera."""

    def __init__(self, server: NatsServer, members: MemberWatch, folder: Path, cameras: dict[str, str]) -> None:
        self._members = members
        self.running: list[GatewayProcess] = []
        self._server = server
        self._folder = folder
        self._cameras = cameras

    async def start(self, capacity: float | str = 4.0) -> GatewayProcess:
        """Another gateway, once it says that it is alive."""
        known = {member.name for member in self.gateways()}
        file = self._folder / f"gateway-{len(self.running)}.yaml"
        config = configured(self._server, {})
        cameras = {name: {"url": url, "pipeline": "people"} for name, url in self._cameras.items()}
        text: dict[str, Any] = {
            "site": SITE,
            "nats": {"url": self._server.url},
            "listen": {"gateway": "127.0.0.1:0"},
            "retention": config.retention.model_dump(),
            "cameras": cameras,
            "pipelines": PEOPLE,
            "gateway": {"capacity": capacity, "decode_processes": 1},
        }
        file.write_text(json.dumps(text), encoding="utf-8")  # JSON is YAML
        words = (sys.executable, "-m", "vedette", "gateway", str(file))
        with (self._folder / f"{file.stem}.log").open("wb") as log:
            started = GatewayProcess(await asyncio.create_subprocess_exec(*words, stderr=log))
        self.running.append(started)

        def new() -> list[str]:
            assert started.process.returncode is None, self.log()
            return [member.name for member in self.gateways() if member.name not in known]

        await until(new, lambda: f"it is a member: {self.log()}")
        started.name = new()[0]
        return started

    def gateways(self) -> list[Member]:
        return self._members.live("gateway")

    def owned(self) -> dict[str, set[str]]:
        """Cameras by gateway, as they say it themselves."""
        return {member.name: set(_stand(member).owns) for member in self.gateways()}

    async def settled(self) -> dict[str, set[str]]:
        """Wait until all that run are heard, and every camera is with the one that should have it, all having room;
        who has which."""

        def at_rest() -> bool:
            weights = {member.name: _stand(member).weight for member in self.gateways()}
            running = {one.name for one in self.running if one.process.returncode is None}
            return running == weights.keys() and self.owned() == {
                gateway: {camera for camera in self._cameras if first(camera, weights) == gateway}
                for gateway in weights
            }

        await until(at_rest, lambda: f"the cameras are shared out: {self.log()}", 90)
        return self.owned()

    def log(self) -> str:
        return "".join(file.read_text()[-3000:] for file in sorted(self._folder.glob("*.log")))


def _stand(member: Member) -> Stand:
    stand = stand_of(member.detail)
    assert stand is not None
    return stand


@asynccontextmanager
async def site(server: NatsServer, bus: Bus, folder: Path, cameras: dict[str, str]) -> AsyncIterator[Site]:
    """A site without a gateway yet; those that it is given end with it."""
    members = MemberWatch(bus, SITE)
    one = Site(server, members, folder, cameras)
    async with background(members.run()):
        try:
            yield one
        finally:
            for gateway in one.running:
                if gateway.process.returncode is None:
                    gateway.process.kill()
                    await gateway.process.wait()


async def until_live(witness: Witness, *cameras: str) -> None:
    """Wait for a frame more of each."""
    counts = {camera: len(witness.of(camera)) for camera in cameras}
    await until(lambda: all(len(witness.of(name)) > count for name, count in counts.items()), "frames of all", 90)


def assert_never_two_owners(witness: Witness, in_hand: int = 0) -> None:
    """No frame of an owner comes after one of its successor, but for as many as a process that was paused may have
    been giving to its socket at that moment; readers know them by their epochs."""
    for camera in {frame.feed.camera for frame in witness.frames}:
        frames = witness.of(camera)
        late = [n for n, (one, other) in enumerate(pairwise(frames), 1) if other.headers.epoch < one.headers.epoch]
        said = [
            (frame.headers.epoch, frame.headers.seq, round(frame.came_s - frames[n].came_s, 3))
            for n in late
            for frame in frames[max(0, n - 2) : n + 2]
        ]
        in_hand -= len(late)
        assert in_hand >= 0, f"{camera}: frames of two owners (epoch, number, seconds): {said}"


def longest_gap_s(witness: Witness, camera: str) -> float:
    """Between two frames that came one after the other."""
    came_s = [frame.came_s for frame in witness.of(camera)]
    return max(after - before for before, after in pairwise(came_s))
