"""A fleet without pictures: gateways as tasks, each with its own connection, membership and fleet of cameras.

What they run is the product's own code, down to the leases; only what a camera does beside owning its lease is left
out. All of them share one process and one event loop.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from time import monotonic

import psutil

from gateway.fleet.fleet import Fleet
from gateway.sharing.capacity import Capacity
from gateway.sharing.sharing import Sharing
from gateway.sharing.unassigned import Unassigned
from vedette.background import background, end
from vedette.bus.address import BusAddress
from vedette.bus.connection import Bus, connect
from vedette.cameras.record import CameraRecord
from vedette.cameras.store import Snapshot
from vedette.config.camera_settings import Camera
from vedette.fleet.leases import Lease
from vedette.fleet.member_watch import MemberWatch
from vedette.fleet.members import announce, new_member

SITE = "scale"
_CAPACITY = Capacity(cores=8.0, limited=False, speed=1.0)
"""All the same; no limit, as the process that all of them share is no gateway's own."""
_LOOK_S = 0.05


def records(count: int) -> dict[str, CameraRecord]:
    """Cameras that are nowhere."""
    camera = Camera.model_validate({"url": "rtsp://operator:password@10.0.0.5/stream1", "pipeline": "people"})
    return {name: CameraRecord(name, camera, "file") for name in (f"cam-{number}" for number in range(count))}


class _LeasedCamera:
    """A camera that does nothing but own its lease."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease

    async def run(self) -> None:
        await self.lease.run()

    def refuse(self, why: str | None) -> None: ...
    def part(self, reason: str) -> None: ...
    def close(self) -> None: ...


class _Builder:
    def __init__(self, bus: Bus, gateway: str) -> None:
        self.running: dict[str, _LeasedCamera] = {}
        self._bus = bus
        self._gateway = gateway

    def check(self, name: str, camera: Camera) -> None: ...

    def build(self, name: str, camera: Camera) -> _LeasedCamera:
        self.running[name] = _LeasedCamera(Lease(self._bus, f"{SITE}.{name}", self._gateway))
        return self.running[name]

    def forget(self, name: str) -> None:
        self.running.pop(name, None)

    def holds(self, name: str) -> bool:
        return name in self.running and self.running[name].lease.held


class _NoDecoding:
    """Cameras cost nothing here."""

    used = 0.0

    def begin(self, cameras: int) -> bool:
        return True

    def costs(self) -> dict[str, float]:
        return {}


class Gateway:
    """One gateway; `run` in a task."""

    def __init__(self, address: BusAddress) -> None:
        self._address = address
        self._member = new_member("gateway", SITE, "127.0.0.1:0")
        self._builder: _Builder | None = None
        self._bus: Bus | None = None

    def held(self) -> list[str]:
        """The cameras that are ours now."""
        return [name for name, one in self._builder.running.items() if one.lease.held] if self._builder else []

    async def run(self, snapshot: Snapshot) -> None:
        """Run until cancelled."""
        async with await connect(self._address, self._member.name, keeps_streams=False) as bus:
            self._bus, self._builder = bus, _Builder(bus, self._member.name)
            fleet, members = Fleet(self._builder), MemberWatch(bus, SITE)
            fleet.assign((), {})
            silent = Unassigned(bus, SITE, self._member.name)
            sharing = Sharing(self._member, members, fleet, self._builder, _NoDecoding(), _CAPACITY, silent)
            fleet.want(snapshot)
            heart = announce(bus, self._member, sharing.detail, sharing.said_anew)
            async with background(heart, members.run(), sharing.run(), fleet.run()):
                await asyncio.Event().wait()

    async def die(self) -> None:
        """Nothing of it reaches the server any more, as after a SIGKILL."""
        if self._bus is not None:
            await self._bus.client.close()


class ControlPlane:
    """Gateways that share cameras."""

    def __init__(self, address: BusAddress, cameras: Mapping[str, CameraRecord]) -> None:
        self.doubled = 0
        """Cameras that were seen with two owners."""
        self._address = address
        self._snapshot = Snapshot(dict(cameras), dict.fromkeys(cameras, 1))
        self._tasks: dict[Gateway, asyncio.Task[None]] = {}

    def start(self, count: int) -> None:
        """`count` more gateways."""
        for gateway in [Gateway(self._address) for _ in range(count)]:
            self._tasks[gateway] = asyncio.create_task(gateway.run(self._snapshot))

    async def kill(self, count: int) -> None:
        """The oldest `count` of them die."""
        dying = list(self._tasks)[:count]
        await asyncio.gather(*(gateway.die() for gateway in dying))
        tasks = [self._tasks.pop(gateway) for gateway in dying]
        await end(tasks)

    async def settled(self, within_s: float, newest_has_cameras: bool = False) -> float | None:
        """Seconds until each camera has one owner and no gateway has over twice its share; None: not in time."""
        began_s, most = monotonic(), 2 * len(self._snapshot.entries) / len(self._tasks) + 20
        while monotonic() < began_s + within_s:
            for task in self._tasks.values():
                if task.done():
                    task.result()  # it never ends by itself
            held = [gateway.held() for gateway in self._tasks]
            owners = Counter(name for names in held for name in names)
            self.doubled += sum(count > 1 for count in owners.values())
            all_owned = len(owners) == len(self._snapshot.entries) and max(map(len, held)) <= most
            if all_owned and (held[-1] or not newest_has_cameras):
                return round(monotonic() - began_s, 2)
            await asyncio.sleep(_LOOK_S)
        return None

    def shares(self) -> list[int]:
        """How many cameras each gateway has."""
        return sorted(len(gateway.held()) for gateway in self._tasks)

    async def close(self) -> None:
        """End all of them in order."""
        await end(self._tasks.values())


class Load:
    """What this process and the event loop had to do since `begin`."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._late_s: list[float] = []

    async def watch(self) -> None:
        """Measure how late the loop is, until cancelled."""
        while True:
            due_s = monotonic() + 0.1
            await asyncio.sleep(0.1)
            self._late_s.append(monotonic() - due_s)

    def begin(self) -> None:
        """Count from now on."""
        self._late_s.clear()
        self._from = (self.cpu_s(), monotonic())

    def cores(self) -> float:
        """Cores used since `begin`."""
        return (self.cpu_s() - self._from[0]) / (monotonic() - self._from[1])

    def late_ms(self) -> float:
        """The longest that the loop was late."""
        return max(self._late_s, default=0.0) * 1000

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
