"""Who is alive is seen by all, and who leaves or dies is gone."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import end
from vedette.buckets import MEMBERS
from vedette.bus.connection import Bus, connect
from vedette.errors import BusUnavailable
from vedette.fleet.members import Member, announce, live_members, new_member


@asynccontextmanager
async def announced(bus: Bus, *members: Member) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(announce(bus, member)) for member in members]
    try:
        yield
    finally:
        await end(tasks)


async def names(bus: Bus, site: str = "plant-1") -> list[str]:
    return [member.name for member in await live_members(bus, site)]


def test_each_start_has_a_name_of_its_own() -> None:
    first, second = (new_member("gateway", "plant-1", "127.0.0.1:1") for _ in range(2))
    assert first.name != second.name
    assert first.name.startswith("gateway-")
    assert first.pid == os.getpid()


async def test_nobody_is_alive_at_first(bus: Bus) -> None:
    assert await live_members(bus, "plant-1") == []


async def test_members_of_a_site_are_seen_and_no_others(bus: Bus) -> None:
    here = [new_member(kind, "plant-1", "127.0.0.1:1", "coco") for kind in ("inference", "gateway")]
    there = [new_member("gateway", site, "127.0.0.1:1") for site in ("plant-2", "plant-11")]
    async with announced(bus, *here, *there):
        await until_async(lambda: both(bus), "both are seen")
        gateway, inference = await live_members(bus, "plant-1")
        assert (gateway.kind, inference.kind) == ("gateway", "inference")
        assert inference.serves == "coco"
        assert inference.ready
    assert await names(bus) == []


async def both(bus: Bus) -> bool:
    return len(await names(bus)) == 2


async def test_a_dead_member_is_gone_after_its_heartbeats(nats_server: NatsServer, bus: Bus) -> None:
    other = await connect(nats_server.address, "dying")
    async with announced(other, new_member("gateway", "plant-1", "127.0.0.1:1")):
        await until_async(lambda: names(bus), "it is seen")
        await other.client.close()
        await until_async(lambda: nobody(bus), "it is gone", 4)


async def nobody(bus: Bus) -> bool:
    return not await names(bus)


async def test_heartbeats_go_on_after_a_crash_of_the_server(nats_server: NatsServer, bus: Bus) -> None:
    async with announced(bus, new_member("gateway", "plant-1", "127.0.0.1:1")):
        await until_async(lambda: names(bus), "it is seen")
        nats_server.kill()
        await until(lambda: not bus.connected, "the loss is noticed")
        with pytest.raises(BusUnavailable):
            await live_members(bus, "plant-1")
        await asyncio.to_thread(nats_server.start)
        await until(lambda: bus.connected, "the bus is back")
        await until_async(lambda: names(bus), "it is seen again")


async def test_members_of_other_versions_are_read_or_left_out(bus: Bus) -> None:
    bucket = await bus.bucket(MEMBERS)
    newer = b'{"name":"a","kind":"events","site":"plant-1","http":"h:1","pid":1,"mood":"fine"}'
    for key, value in (("a", newer), ("b", b"{}"), ("c", b"no json"), ("d", b"[]"), ("e", b"")):
        await bucket.put(f"plant-1.{key}", value)
    assert await names(bus) == ["a"]
