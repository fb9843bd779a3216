"""Gateways as processes share cameras: one joins, is paused, is killed, is full; all are restarted one by one."""

import asyncio
from pathlib import Path

from tests.gateway.run_gateway import Witness, simulated
from tests.gateway.sharing.gateways import assert_never_two_owners, site, until_live
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.buckets import MEMBERSHIP_TTL_S
from vedette.bus import Bus

NAMES = [f"cam-{n}" for n in range(6)]


async def test_a_gateway_that_joins_is_paused_and_is_killed_never_shares_a_camera_with_another(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    witness = await Witness.on(bus)
    async with simulated(*NAMES) as cameras:
        urls = {name: cameras.url(name) for name in NAMES}
        async with site(nats_server, bus, tmp_path, urls) as here:
            first = await here.start(capacity=4.0)
            await until_live(witness, *NAMES)
            epochs = {name: witness.of(name)[-1].headers.epoch for name in NAMES}
            second = await here.start(capacity=24.0)
            shares = await here.settled()
            moved = shares[second.name]
            assert moved
            await until_live(witness, *NAMES)
            stayed = {name: epochs[name] for name in NAMES if name not in moved}
            assert {name: witness.of(name)[-1].headers.epoch for name in stayed} == stayed

            second.pause()
            paused = {name: witness.of(name)[-1].headers.epoch for name in NAMES}
            await until(
                lambda: all(witness.of(name)[-1].headers.epoch > paused[name] for name in moved), "others have them", 90
            )
            await asyncio.sleep(10 - 2 * MEMBERSHIP_TTL_S)  # the pause itself is what is tested
            second.go_on()
            assert (await here.settled())[second.name] == moved
            await until_live(witness, *NAMES)

            before = {name: witness.of(name)[-1].headers.epoch for name in NAMES}
            await second.kill()
            await until(
                lambda: all(witness.of(name)[-1].headers.epoch > before[name] for name in moved), "others have them", 90
            )
            await first.stop()
    assert_never_two_owners(witness)


async def test_a_rolling_restart_leaves_every_camera_with_an_owner(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    witness = await Witness.on(bus)
    async with simulated(*NAMES) as cameras:
        urls = {name: cameras.url(name) for name in NAMES}
        async with site(nats_server, bus, tmp_path, urls) as here:
            old = [await here.start(), await here.start()]
            await here.settled()
            await until_live(witness, *NAMES)
            for one in old:
                await one.stop()
                await here.start()
                await here.settled()
            await until_live(witness, *NAMES)
    assert_never_two_owners(witness)
    states = {status.state for status in witness.statuses}
    assert "unassigned" not in states


async def test_what_is_beyond_the_capacity_is_unassigned_until_there_is_more(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    witness = await Witness.on(bus)
    async with simulated(*NAMES) as cameras:
        urls = {name: cameras.url(name) for name in NAMES}
        async with site(nats_server, bus, tmp_path, urls) as here:
            small = await here.start(capacity=0.0001)
            await until(lambda: all(witness.states(name) == ["unassigned"] for name in NAMES), "it says so", 90)
            assert "no gateway has room: it needs about 0.04 cores" in (witness.last(NAMES[0]).reason or "")
            assert witness.frames == []
            big = await here.start(capacity="off")
            await until_live(witness, *NAMES)
            await until(lambda: all(witness.is_(name, "live") for name in NAMES), "their states are theirs again", 90)
            assert (await here.owned()) == {small.name: set(), big.name: set(NAMES)}
