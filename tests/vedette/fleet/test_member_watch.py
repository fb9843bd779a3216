"""Members are followed by their heartbeats, and who falls silent is not alive, whatever the server says."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

import pytest

from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background, end
from vedette.bus.bucket_watch import Stored
from vedette.bus.connection import Bus, connect
from vedette.fleet.member_watch import MemberWatch
from vedette.fleet.members import announce, new_member


async def test_members_are_seen_at_once_and_not_once_they_leave_or_are_silent(
    nats_server: NatsServer, bus: Bus
) -> None:
    ahead_s = 0.0
    watch, of_all = MemberWatch(bus, "plant-1", lambda: monotonic() + ahead_s), MemberWatch(bus, None)
    own, other = (new_member("gateway", "plant-1", "127.0.0.1:1") for _ in range(2))
    elsewhere = new_member("gateway", "plant-2", "127.0.0.1:1")
    assert not watch.fresh

    def seen() -> set[str]:
        return {member.name for member in watch.live("gateway")}

    others = announce(bus, elsewhere), of_all.run()
    async with (
        background(announce(bus, own), watch.run(), *others),
        await connect(nats_server.address, "other") as second,
    ):
        async with background(announce(second, other)):
            await until(lambda: seen() == {own.name, other.name}, "both are seen")
            await until(lambda: len(of_all.live("gateway")) == 3, "those of all sites are seen")
        await until(lambda: seen() == {own.name}, "one has left")
        ahead_s = 10.0  # we were paused
        await until(lambda: watch.fresh and seen() == {own.name}, "it is known again who lives")
        nats_server.kill()
        await until(lambda: not watch.fresh, "without a bus nothing is known")


async def test_a_watch_that_falls_silent_is_made_anew_though_a_heartbeat_came_as_it_was_given_up(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vedette.fleet.member_watch._SILENCE_S", 0.01)
    monkeypatch.setattr("vedette.background._AGAIN_S", 0.05)
    watch, watches = MemberWatch(bus, "plant-1"), 0

    async def follow(tell: Callable[[Mapping[str, Stored]], None]) -> None:
        nonlocal watches
        watches += 1
        with suppress(asyncio.CancelledError):  # as wait_for of Python 3.11 does, where a message came in that moment
            await asyncio.Event().wait()
        tell({})

    monkeypatch.setattr(watch._watch, "follow", follow)
    running = asyncio.create_task(watch.run())
    await until(lambda: watches > 2 or running.done(), "it is followed anew")
    assert not running.done()
    await end([running])
