"""Gateways as processes share cameras: they join, are paused, killed, stopped, and full."""

import asyncio
from pathlib import Path

from tests.gateway.run_gateway import Witness, simulated
from tests.gateway.sharing.gateways import assert_never_two_owners, site, until_live
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.buckets import MEMBERSHIP_TTL_S
from vedette.bus.connection import Bus

NAMES = [f"cam-{n}" for n in range(6)]


def epochs(witness: Witness) -> dict[str, int]:
    return {name: witness.of(name)[-1].headers.epoch for name in NAMES}


async def until_taken_over(witness: Witness, cameras: set[str], since: dict[str, int]) -> None:
    """Wait for frames of other owners of all of `cameras`."""
    await until(lambda: all(epochs(witness)[name] > since[name] for name in cameras), "others have them", 90)


async def test_gateways_that_join_are_paused_killed_and_restarted_never_share_a_camera(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    witness = await Witness.on(bus)
    async with simulated(*NAMES) as cameras:
        urls = {name: cameras.url(name) for name in NAMES}
        async with site(nats_server, bus, tmp_path, urls) as here:
            first = await here.start(capacity=4.0)
            await until_live(witness, *NAMES)
            alone = epochs(witness)
            second = await here.start(capacity=24.0)
            its = (await here.settled())[second.name]
            assert its
            await until_live(witness, *NAMES)
            assert {name for name, epoch in epochs(witness).items() if epoch != alone[name]} == its

            second.pause()
            paused = epochs(witness)
            await until_taken_over(witness, its, paused)
            await asyncio.sleep(10 - 2 * MEMBERSHIP_TTL_S)  # the pause itself is what is tested
            second.go_on()
            assert (await here.settled())[second.name] == its
            await until_live(witness, *NAMES)

            killed = epochs(witness)
            await second.kill()
            await until_taken_over(witness, its, killed)

            third = await here.start()
            await here.settled()
            await until_live(witness, *NAMES)
            stopped, last = epochs(witness), here.owned()[first.name]
            await first.stop()
            await until_taken_over(witness, last, stopped)
            await until(lambda: here.owned() == {third.name: set(NAMES)}, "all are the last one's")
    assert_never_two_owners(witness, in_hand=1)
    assert "unassigned" not in {status.state for status in witness.statuses}


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
            assert here.owned() == {small.name: set(), big.name: set(NAMES)}
