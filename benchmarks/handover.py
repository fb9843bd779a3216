"""How long cameras are dark when gateways come, go, die and are paused: processes, and simulated RTSP cameras.

Two gateways share the cameras, each sampled 10 times a second. One joins; is killed; is paused for 10 s; then both are
restarted one after the other. Dark is the longest time between two frames of a camera at a subscriber: it has to be
let go, taken, opened, and to come to its next keyframe. Everything runs on this machine.
"""

import asyncio
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from nats.aio.msg import Msg

from benchmarks.results import Result
from tests.gateway.run_gateway import SITE, Witness, simulated
from tests.gateway.sharing.gateways import GatewayProcess, Site, longest_gap_s, site, until_live
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.buckets import LEASES, MEMBERSHIP_TTL_S
from vedette.bus.connection import Bus, connect

_PAUSE_S = 10.0
_FPS = 10


def run(quick: bool) -> Result:
    names = [f"cam-{n}" for n in range(6 if quick else 12)]
    return Result(
        "handover",
        f"{len(names)} cameras (320x240 at 25 fps, a keyframe every 0.4 s) sampled at {_FPS} fps by two gateways",
        asyncio.run(_measure(names)),
        at_most={
            "killed_other_owner_max_s": 2 * MEMBERSHIP_TTL_S,
            "join_dark_max_s": 5,
            "restart_dark_max_s": 5,
            "frames_of_two_owners": 0,
        },
    )


@dataclass
class _Leases:
    """Who wrote each lease last, and when somebody else did first since `mark`."""

    owners: dict[str, str] = field(default_factory=dict)
    changed_s: dict[str, float] = field(default_factory=dict)

    async def hear(self, message: Msg) -> None:
        camera, owner = message.subject.rpartition(".")[2], message.data.decode()
        if owner and self.owners.get(camera) not in (None, owner):
            self.changed_s[camera] = monotonic()
        self.owners[camera] = owner or self.owners.get(camera, "")


async def _measure(names: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            async with await connect(server.address, "benchmark") as bus, simulated(*names) as cameras:
                urls = {name: cameras.url(name) for name in names}
                async with site(server, bus, Path(folder), urls) as here:
                    return await _Run(names, here, await Witness.on(bus)).figures(bus)
        finally:
            server.close()


class _Run:
    def __init__(self, names: list[str], here: Site, witness: Witness) -> None:
        self._names = names
        self._here = here
        self._witness = witness
        self._leases = _Leases()
        self._two_owners = 0

    async def figures(self, bus: Bus) -> dict[str, float]:
        await bus.client.subscribe(f"$KV.{LEASES}.{SITE}.*", cb=self._leases.hear)
        first = await self._here.start()
        await until_live(self._witness, *self._names)
        second, joined = await self._join()
        killed = await self._kill(second)
        third, _ = await self._join()
        paused = await self._pause(third)
        restarted = await self._restart([first, third])
        return joined | killed | paused | restarted | {"frames_of_two_owners": float(self._two_owners)}

    async def _join(self) -> tuple[GatewayProcess, dict[str, float]]:
        self._begin()
        before = {name: self._epoch(name) for name in self._names}
        gateway = await self._here.start()
        shares = await self._here.settled()
        await until_live(self._witness, *self._names)
        self._end()
        moved = shares[gateway.name]
        others = [name for name in self._names if name not in moved]
        return gateway, {
            "join_cameras_moved": len(moved),
            "join_others_disturbed": sum(self._epoch(name) != before[name] for name in others),
            "join_dark_max_s": self._dark(moved),
        }

    async def _kill(self, gateway: GatewayProcess) -> dict[str, float]:
        its = self._here.owned()[gateway.name]
        self._begin()
        killed_s = monotonic()
        await gateway.kill()
        await until(lambda: its <= self._leases.changed_s.keys(), "other owners", 90)
        await until_live(self._witness, *its)
        self._end()
        return {
            "killed_cameras": len(its),
            "killed_other_owner_max_s": round(max(self._leases.changed_s[name] - killed_s for name in its), 2),
            "killed_dark_max_s": self._dark(its),
        }

    async def _pause(self, gateway: GatewayProcess) -> dict[str, float]:
        its = self._here.owned()[gateway.name]
        self._begin()
        gateway.pause()
        await asyncio.sleep(_PAUSE_S)
        gateway.go_on()
        await self._here.settled()
        await until_live(self._witness, *self._names)
        self._end()
        return {"paused_cameras": len(its), "paused_dark_max_s": self._dark(its)}

    async def _restart(self, old: Iterable[GatewayProcess]) -> dict[str, float]:
        self._begin()
        for one in old:
            await one.stop()
            await until_live(self._witness, *self._names)
            await self._here.start()
            await self._here.settled()
            await until_live(self._witness, *self._names)
        self._end()
        return {"restart_dark_max_s": self._dark(self._names)}

    def _begin(self) -> None:
        self._witness.frames = [self._witness.of(name)[-1] for name in self._names]
        self._leases.changed_s.clear()

    def _end(self) -> None:
        for name in self._names:
            epochs = [frame.headers.epoch for frame in self._witness.of(name)]
            self._two_owners += sum(epoch < max(epochs[: n + 1]) for n, epoch in enumerate(epochs))

    def _epoch(self, name: str) -> int:
        return self._witness.of(name)[-1].headers.epoch

    def _dark(self, names: Iterable[str]) -> float:
        return round(max((longest_gap_s(self._witness, name) for name in names), default=0.0), 2)
