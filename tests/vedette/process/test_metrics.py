"""What every process tells of itself: its connection to the bus, and the leases that it takes and loses."""

import asyncio

from prometheus_client import REGISTRY

from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.buckets import LEASES
from vedette.bus.connection import Bus, connect
from vedette.fleet.leases import Lease


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_process_says_whether_it_is_connected(nats_server: NatsServer) -> None:
    async with await connect(nats_server.address, "test"):
        assert value("vedette_bus_connected") == 1
        await asyncio.to_thread(nats_server.kill)
        await until(lambda: value("vedette_bus_connected") == 0, "the loss is told")
        await asyncio.to_thread(nats_server.start)
        await until(lambda: value("vedette_bus_connected") == 1, "it is back")
    assert value("vedette_bus_connected") == 0


async def test_leases_are_counted_by_what_they_are_of_when_they_are_taken_and_when_they_are_lost(bus: Bus) -> None:
    def changes(change: str, of: str = "camera") -> float:
        return value("vedette_lease_changes_total", of=of, change=change)

    taken, lost = changes("taken"), changes("lost")
    lease = Lease(bus, "plant.counted", "gateway-1")
    async with background(lease.run()):
        await lease.until_held()
        assert (changes("taken"), changes("lost")) == (taken + 1, lost)
        await (await bus.bucket(LEASES)).put("plant.counted", b"gateway-2")
        await until(lambda: changes("lost") == lost + 1, "another took it")
    taken = changes("taken", "partition")
    partition = Lease(bus, "TRACK.3", "events-1")
    async with background(partition.run()):
        await partition.until_held()
    assert changes("taken", "partition") == taken + 1
