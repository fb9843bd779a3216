"""The control plane with many cameras and no picture: `python -m benchmarks scale`.

Thirty gateways share the cameras of one site, as tasks of one process; what they run of leases, membership and fleet
is the product's own. A real nats-server, with its store in files, is beside them. Of it are the messages and bytes a
second (its `varz`) and the writes to buckets (by sequences); of both the CPU.
"""

import asyncio
import json
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import scrape
from benchmarks.control_plane import SITE, ControlPlane, Load, records
from benchmarks.results import Result
from benchmarks.session_lease import SessionLease
from benchmarks.sharing_cost import sharing_of
from tests.nats_server import NatsServer
from vedette.background import background
from vedette.buckets import CAMERAS, LEASES, MEMBERS
from vedette.bus.connection import Bus, connect
from vedette.cameras.plan import Change
from vedette.cameras.store import CameraStore, Snapshot
from vedette.fleet.leases import Lease
from vedette.secrets.sealing import Sealer

GATEWAYS = 30
FLEET, MANY, HELD = 300, 10_000, 1_000
_SETTLE_WITHIN_S = 90.0
_STEADY_S = 15.0


def run(quick: bool) -> Result:
    """A whole fleet; what leases, plans, heartbeats and the registry cost with many cameras; scrapes."""
    fleet, many = (100, 1_000) if quick else (FLEET, MANY)
    figures: dict[str, Any] = {"gateways": GATEWAYS, "fleet_cameras": fleet, "cameras": many}
    parts: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {f"fleet_{name}": value for name, value in asyncio.run(_fleet(fleet)).items()},
        lambda: {f"lease_{name}": value for name, value in asyncio.run(_leases(Lease)).items()},
        lambda: {f"session_lease_{name}": value for name, value in asyncio.run(_leases(SessionLease)).items()},
        lambda: sharing_of(many, GATEWAYS),
        lambda: {f"registry_{name}": value for name, value in asyncio.run(_registry(many)).items()},
        *(partial(_scraped, cameras, 3 if quick else 10) for cameras in (many // GATEWAYS, 1_000)),
    )
    for part in parts:
        new = part()
        figures |= new
        print(json.dumps(new), flush=True)
    return Result(
        "scale",
        f"{GATEWAYS} gateways as tasks of one process, a nats-server beside them, no pictures. fleet: of {fleet}"
        " cameras, seconds until each has one owner; lease, session_lease: of 1000, CPU a lease and second; the rest:"
        f" with {many} cameras in one site",
        figures,
        at_most={"fleet_one_dies_s": 8, "fleet_ten_die_s": 8, "fleet_seen_with_two_owners": 0},
    )


def _scraped(cameras: int, times: int) -> dict[str, Any]:
    return {f"scrape_{cameras}_{name}": value for name, value in scrape.measured("gateway", times, cameras).items()}


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[NatsServer, "Varz"]]:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        server = NatsServer(Path(name), "-m", "-1")
        await asyncio.to_thread(server.start)
        try:
            yield server, Varz(Path(name))
        finally:
            server.close()


async def _fleet(cameras: int) -> dict[str, Any]:
    async with _server() as (server, varz), await connect(server.address, "bench") as bus:
        plane, load = ControlPlane(server.address, records(cameras)), Load()
        async with background(load.watch()):
            plane.start(GATEWAYS)
            figures: dict[str, Any] = {"begin_s": await plane.settled(_SETTLE_WITHIN_S)}
            figures |= await _steady(bus, varz, load)
            shares = plane.shares()
            figures |= {"fewest": shares[0], "most": shares[-1]}
            await plane.kill(1)
            figures["one_dies_s"] = await plane.settled(_SETTLE_WITHIN_S)
            await plane.kill(10)
            figures["ten_die_s"] = await plane.settled(_SETTLE_WITHIN_S)
            plane.start(1)
            figures["one_joins_s"] = await plane.settled(_SETTLE_WITHIN_S, newest_has_cameras=True)
            figures["seen_with_two_owners"] = plane.doubled
            await plane.close()
    return figures


async def _steady(bus: Bus, varz: "Varz", load: Load) -> dict[str, Any]:
    load.begin()
    before, writes, began_s = await asyncio.to_thread(varz.read), await _writes(bus), time.monotonic()
    await asyncio.sleep(_STEADY_S)
    took_s = time.monotonic() - began_s
    after, written = await asyncio.to_thread(varz.read), await _writes(bus)
    a_second = {name: (after[name] - before[name]) / took_s for name in before}
    return {
        "lease_writes_a_s": round((written[LEASES] - writes[LEASES]) / took_s, 1),
        "heartbeats_a_s": round((written[MEMBERS] - writes[MEMBERS]) / took_s, 1),
        "server_messages_in_a_s": round(a_second["in_msgs"]),
        "server_messages_out_a_s": round(a_second["out_msgs"]),
        "server_kib_a_s": round((a_second["in_bytes"] + a_second["out_bytes"]) / 1024, 1),
        "server_cores": round(a_second["cpu_s"], 3),
        "cores_a_gateway": round(load.cores() / GATEWAYS, 4),
        "loop_late_most_ms": round(load.late_ms()),
    }


async def _writes(bus: Bus) -> dict[str, int]:
    return {name: (await bus.jetstream.stream_info(f"KV_{name}")).state.last_seq for name in (LEASES, MEMBERS)}


async def _leases(kind: type[Lease] | type[SessionLease]) -> dict[str, Any]:
    """A thousand leases of ten owners, taken and kept."""
    async with AsyncExitStack() as stack:
        server, varz = await stack.enter_async_context(_server())
        buses = [await stack.enter_async_context(await connect(server.address, "bench")) for _ in range(10)]
        leases = [kind(buses[n % 10], f"{SITE}.cam-{n}", f"gateway-{n % 10}") for n in range(HELD)]
        load, began_s = Load(), time.monotonic()
        await stack.enter_async_context(background(*(lease.run() for lease in leases)))
        while not all(lease.held for lease in leases):
            if time.monotonic() - began_s > _SETTLE_WITHIN_S:
                return {"all_held_s": None}
            await asyncio.sleep(0.05)
        taken_s, epochs = time.monotonic() - began_s, [lease.epoch for lease in leases]
        load.begin()
        before, writes, began_s = await asyncio.to_thread(varz.read), await _writes(buses[0]), time.monotonic()
        await asyncio.sleep(_STEADY_S)
        took_s = time.monotonic() - began_s
        after, written = await asyncio.to_thread(varz.read), await _writes(buses[0])
        a_lease = 1e6 / took_s / HELD
        return {
            "all_held_s": round(taken_s, 2),
            "writes_a_s": round((written[LEASES] - writes[LEASES]) / took_s, 1),
            "gateway_us_a_s": round(load.cores() * 1e6 / HELD, 1),
            "server_us_a_s": round((after["cpu_s"] - before["cpu_s"]) * a_lease, 1),
            "server_bytes_a_s": round(_bytes(before, after) / took_s / HELD),
            "lost": sum(lease.epoch != epoch for lease, epoch in zip(leases, epochs, strict=True)),
        }


def _bytes(before: dict[str, float], after: dict[str, float]) -> float:
    return sum(after[name] - before[name] for name in ("in_bytes", "out_bytes"))


async def _registry(cameras: int) -> dict[str, Any]:
    """One gateway that has the cameras in its bucket, is told of them, and of one that changes."""
    async with _server() as (server, _), await connect(server.address, "bench") as bus:
        store, load = CameraStore(bus, SITE, Sealer(bytes(32))), Load()
        told: list[Snapshot] = []
        every = [Change(name, record) for name, record in records(cameras).items()]
        load.begin()
        async with background(store.follow(told.append), load.watch()):
            began_s = time.monotonic()
            for start in range(0, cameras, 1000):
                await store.change(every[start : start + 1000], {})
            await _until_told(told, cameras)
            applied_s, cpu_s = time.monotonic() - began_s, load.cores() * (time.monotonic() - began_s)
        told.clear()
        load.begin()
        began_s = time.monotonic()
        async with background(store.follow(told.append)):
            await _until_told(told, cameras)
            read_s = time.monotonic() - began_s
            begun_s, times = load.cpu_s(), len(told)
            await store.change(every[:1], told[-1].revisions)
            while len(told) == times:
                await asyncio.sleep(0.001)
            change_ms = (load.cpu_s() - begun_s) * 1000
        size = (await bus.jetstream.stream_info(f"KV_{CAMERAS}")).state.bytes
    return {
        "applied_while_followed_s": round(applied_s, 2),
        "applied_while_followed_cpu_s": round(cpu_s, 2),
        "read_s": round(read_s, 2),
        "one_change_cpu_ms": round(change_ms, 1),
        "bucket_bytes_a_camera": round(size / cameras),
    }


async def _until_told(told: list[Snapshot], cameras: int) -> None:
    while not told or len(told[-1].entries) < cameras:
        await asyncio.sleep(0.01)


class Varz:
    """What a nats-server counts."""

    def __init__(self, folder: Path) -> None:
        ports = json.loads(next(folder.glob("*.ports")).read_text())
        self._url = f"{ports['monitoring'][0]}/varz"
        self._process = psutil.Process(int(next(folder.glob("*.ports")).stem.rpartition("_")[2]))

    def read(self) -> dict[str, float]:
        """Messages, bytes and CPU seconds so far."""
        with urllib.request.urlopen(self._url, timeout=30) as answer:
            said = json.load(answer)
        times = self._process.cpu_times()
        counted = {name: float(said[name]) for name in ("in_msgs", "out_msgs", "in_bytes", "out_bytes")}
        return counted | {"cpu_s": float(times.user + times.system)}
