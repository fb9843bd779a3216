"""A camera has one owner at a time, whatever happens to owners and servers; epochs never fall."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import end
from vedette.buckets import LEASES
from vedette.bus.connection import Bus, connect
from vedette.fleet.leases import RENEW_EVERY_S, Lease

KEY = "plant-1.gate"
TAKEOVER_WITHIN_S = 10.0  # 2.5 s on a machine that is not busy


class Counted(Lease):
    """Counts its attempts to take the lease or renew it."""

    attempts = 0

    async def _take_or_renew(self) -> None:
        self.attempts += 1
        await super()._take_or_renew()


@asynccontextmanager
async def running(lease: Lease) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(lease.run())
    try:
        yield task
    finally:
        await end([task])


@pytest.fixture
async def second_bus(nats_server: NatsServer, bus: Bus) -> AsyncIterator[Bus]:
    async with await connect(nats_server.address, "second") as second:
        yield second


async def held(lease: Lease, deadline_s: float = 30.0) -> None:
    await asyncio.wait_for(lease.until_held(), deadline_s)


async def revision_of(bus: Bus) -> int:
    return (await (await bus.bucket(LEASES)).get(KEY)).revision or 0


async def test_a_free_lease_is_taken_at_once_with_a_positive_epoch(bus: Bus) -> None:
    lease = Counted(bus, KEY, "a")
    assert (lease.held, lease.epoch) == (False, 0)
    async with running(lease):
        await held(lease)
        assert lease.attempts <= 2
        assert lease.epoch == await revision_of(bus) > 0


async def test_renewals_do_not_change_the_epoch(bus: Bus) -> None:
    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        epoch, started_s = lease.epoch, monotonic()
        revisions = {await revision_of(bus)}
        while len(revisions) < 5:
            assert monotonic() - started_s < 30
            revisions.add(await revision_of(bus))
            await asyncio.sleep(0.02)
        assert lease.held
        assert lease.epoch == epoch


async def test_the_second_owner_waits_and_knows_the_first(bus: Bus, second_bus: Bus) -> None:
    first, second = Lease(bus, KEY, "a"), Lease(second_bus, KEY, "b")
    async with running(first):
        await held(first)
        async with running(second):
            await asyncio.wait_for(second.until_owned_by_other(), 90)
            assert second.other_owner == "a"
            assert first.held
            assert not second.held


async def test_many_who_want_it_at_once_leave_one_owner(bus: Bus) -> None:
    leases = [Lease(bus, KEY, f"owner-{number}") for number in range(8)]
    tasks = [asyncio.create_task(lease.run()) for lease in leases]
    await until(lambda: sum(lease.other_owner is not None for lease in leases) == 7, "the others know the owner")
    assert sum(lease.held for lease in leases) == 1
    await end(tasks)


async def test_giving_back_hands_over_within_two_renewals(bus: Bus, second_bus: Bus) -> None:
    first, second = Lease(bus, KEY, "a"), Counted(second_bus, KEY, "b")
    async with running(first) as task:
        await held(first)
        async with running(second):
            await asyncio.wait_for(second.until_owned_by_other(), 90)
            epoch = first.epoch
            await end([task])
            assert not first.held
            looked = second.attempts
            await held(second)
            assert second.attempts <= looked + 2
            assert second.epoch > epoch
            assert second.other_owner is None


async def test_a_dead_owner_is_replaced_soon_after_the_end_of_its_lease(
    nats_server: NatsServer, bus: Bus, second_bus: Bus
) -> None:
    first, second = Lease(bus, KEY, "a"), Lease(second_bus, KEY, "b")
    async with running(first):
        await held(first)
        async with running(second):
            await asyncio.wait_for(second.until_owned_by_other(), 90)
            epoch, died_s = first.epoch, monotonic()
            await bus.client.close()  # nothing of the first reaches the server any more

            def fenced() -> bool:
                assert not (first.held and second.held), "two owners at a time"
                return not first.held

            await until(fenced, "the first fences itself")
            await held(second)
            assert monotonic() - died_s < TAKEOVER_WITHIN_S
            assert second.epoch > epoch


async def test_a_paused_owner_is_fenced_by_its_own_clock_before_another_can_own(bus: Bus) -> None:
    ahead_s = 0.0
    lease = Lease(bus, KEY, "a", clock=lambda: monotonic() + ahead_s)
    async with running(lease):
        await held(lease)
        ahead_s = 1.6  # the process slept through its renewals; the lease lives for 2 s
        assert not lease.held
        await held(lease)


async def test_a_renewal_whose_answer_was_lost_is_no_loss_of_the_lease(
    bus: Bus, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, update, calls = Lease(bus, KEY, "a"), KeyValue.update, 0

    async def update_without_answer(bucket: KeyValue, *arguments: Any, **options: Any) -> int:
        nonlocal calls
        revision = await update(bucket, *arguments, **options)
        calls += 1
        if calls in (2, 3, 5):
            raise TimeoutError
        return revision

    async with running(lease):
        await held(lease)
        epoch = lease.epoch
        monkeypatch.setattr(KeyValue, "update", update_without_answer)
        await until(lambda: calls > 7, "renewed")
        assert lease.epoch == epoch
    assert "lost" not in caplog.text


async def test_a_renewal_that_arrives_late_is_no_loss_of_the_lease(
    bus: Bus, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, update, calls = Lease(bus, KEY, "a"), KeyValue.update, 0
    late: list[tuple[Any, Any]] = []

    async def update_with_the_late_one_before(bucket: KeyValue, *arguments: Any, **options: Any) -> int:
        nonlocal calls
        calls += 1
        if calls in (2, 5):
            late.append((arguments, options))
            raise TimeoutError
        if late:
            arguments_before, options_before = late.pop()
            await update(bucket, *arguments_before, **options_before)
        return await update(bucket, *arguments, **options)

    async with running(lease):
        await held(lease)
        epoch = lease.epoch
        monkeypatch.setattr(KeyValue, "update", update_with_the_late_one_before)
        await until(lambda: calls > 9, "renewed")
        assert lease.epoch == epoch
        assert not late
    assert "lost" not in caplog.text


async def test_a_renewal_that_arrives_late_does_not_keep_the_lease_from_being_given_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, delete, deleted = await bus.bucket(LEASES), KeyValue.delete, 0

    async def delete_behind_a_renewal(bucket: KeyValue, key: str, **options: Any) -> bool:
        nonlocal deleted
        deleted += 1
        if deleted == 1:
            await bucket.put(key, b"a")
        return await delete(bucket, key, **options)

    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        monkeypatch.setattr(KeyValue, "delete", delete_behind_a_renewal)
    assert deleted == 2
    with pytest.raises(KeyNotFoundError):
        await bucket.get(KEY)


async def test_a_lease_that_another_took_is_not_renewed(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        await (await bus.bucket(LEASES)).put(KEY, b"thief")
        await until(lambda: not lease.held, "the loss is noticed", 2 * RENEW_EVERY_S + 1)
        await until(lambda: lease.other_owner == "thief", "the other is known")
    assert f"lease {KEY} was lost" in caplog.text


async def test_after_a_restart_of_the_same_owner_the_epoch_rises(bus: Bus) -> None:
    epochs = []
    for _ in range(3):
        lease = Lease(bus, KEY, "a")
        async with running(lease):
            await held(lease)
            epochs.append(lease.epoch)
    assert epochs == sorted(set(epochs))


async def test_a_renewal_cancelled_on_its_way_is_given_back_all_the_same(bus: Bus, second_bus: Bus) -> None:
    bucket = await bus.bucket(LEASES)
    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        await bucket.put(KEY, b"a")  # as if a renewal had arrived whose answer never came
    second = Counted(second_bus, KEY, "b")
    async with running(second):
        await held(second)
        assert second.attempts <= 2


@pytest.mark.parametrize("outage_s", [0.0, 2.6])
async def test_no_epoch_falls_over_a_crash_of_the_server(nats_server: NatsServer, bus: Bus, outage_s: float) -> None:
    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        epoch, died_s = lease.epoch, monotonic()
        nats_server.kill()
        await until(lambda: not bus.connected and monotonic() - died_s >= outage_s, "the outage")
        assert lease.held == (outage_s == 0.0)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: bus.connected, "the bus is back")
        await until(lambda: lease.held, "the lease is held again")
        assert lease.epoch >= epoch
        if outage_s:
            assert lease.epoch > epoch


async def test_epochs_rise_though_the_server_came_back_with_an_empty_store(nats_server: NatsServer, bus: Bus) -> None:
    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        epoch = lease.epoch
        nats_server.kill()
        await until(lambda: not bus.connected, "the bus is gone")
        await asyncio.to_thread(shutil.rmtree, nats_server.folder / "store")
        await asyncio.to_thread(nats_server.start)
        await until(lambda: lease.held and lease.epoch != epoch, "the lease is taken anew")
        assert lease.epoch > epoch


async def test_the_first_revision_of_the_leases_is_of_their_creation(nats_server: NatsServer, bus: Bus) -> None:
    before = (await bus.jetstream.stream_info(f"KV_{LEASES}")).config
    async with await connect(nats_server.address, "later") as later:
        assert (await later.jetstream.stream_info(f"KV_{LEASES}")).config == before
        assert await (await later.bucket(LEASES)).put(KEY, b"a") == before.first_seq


async def test_an_outage_leaves_nothing_behind_in_the_client(nats_server: NatsServer, bus: Bus) -> None:
    lease = Lease(bus, KEY, "a")
    async with running(lease):
        await held(lease)
        nats_server.kill()
        await until(lambda: not lease.held, "the lease ran out")
        assert not bus.client._resp_map
