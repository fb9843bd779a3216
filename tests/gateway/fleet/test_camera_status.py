"""What a camera's status says, when, and that the bus has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.msg import Msg

from gateway.fleet.camera_status import CONNECTING, LIVE, OFFLINE, STALLED, CameraStatus
from gateway.reading.account import FATES
from gateway.reading.interface import ReaderStats, StreamInfo
from tests.gateway.run_gateway import Witness, counted
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.fleet.leases import Lease
from vedette.messages import Status, StatusEvent
from vedette.streams import STATUS
from vedette.subjects import status

SITE = "plant"


@asynccontextmanager
async def telling(bus: Bus, camera: str) -> AsyncIterator[CameraStatus]:
    """The status of a camera that we own."""
    lease = Lease(bus, f"{SITE}.{camera}", "gateway-1")
    told = CameraStatus(bus, SITE, camera, "gateway-1", lease)
    async with background(lease.run()):
        await lease.until_held()
        async with background(told.run()):
            yield told


async def kept(bus: Bus, camera: str) -> Status | None:
    """What the stream STATUS holds of a camera; there is never more than one message."""
    info = await bus.jetstream.stream_info(STATUS, subjects_filter=status(SITE, camera))
    if not info.state.subjects:
        return None
    assert info.state.subjects == {status(SITE, camera): 1}
    message = await bus.jetstream.get_last_msg(STATUS, status(SITE, camera))
    return StatusEvent.model_validate_json(message.data or b"").data


async def test_every_change_is_published_at_once_and_the_last_one_is_kept(bus: Bus) -> None:
    witness = await Witness.on(bus)
    changes = [(LIVE, None), (STALLED, "no frame for 5 s"), (OFFLINE, "gone"), (OFFLINE, "refused"), (LIVE, None)]
    async with telling(bus, "gate") as told:
        await until(lambda: len(witness.statuses) == 1, "the first state")
        for n, (state, reason) in enumerate(changes):
            told.change(state, reason)
            told.change(state, reason)
            await until(lambda n=n: len(witness.statuses) == n + 2, "it is published")  # type: ignore[misc]
        latest = await kept(bus, "gate")
    assert [(said.state, said.reason) for said in witness.statuses[:-1]] == [(CONNECTING, None), *changes]
    assert latest is not None
    assert latest.state == LIVE
    assert latest.since == witness.statuses[-2].since


async def test_each_event_is_stored_under_its_own_id_however_fast_they_come(bus: Bus) -> None:
    ids: list[tuple[str, str]] = []

    async def see(message: Msg) -> None:
        ids.append(((message.headers or {})["Nats-Msg-Id"], StatusEvent.model_validate_json(message.data).id))

    await bus.client.subscribe("vedette.status.>", cb=see)
    async with telling(bus, "quick") as told:
        await until_async(lambda: kept(bus, "quick"), "kept")
        for n in range(20):
            told.change(OFFLINE, str(n))
            assert await told._publish()
        await bus.settle()
        latest = await kept(bus, "quick")
    assert latest is not None
    assert latest.reason == "19"
    assert all(header == event for header, event in ids)
    assert len(ids) == len(set(ids)) >= 21


async def test_a_reason_that_changes_keeps_the_time_since_when(bus: Bus) -> None:
    told = CameraStatus(bus, SITE, "since", "gateway-1", Lease(bus, "plant.since", "gateway-1"))
    told.change(OFFLINE, "refused")
    since = told.message().since
    told.change(OFFLINE, "not found")
    assert (told.message().since, told.message().reason) == (since, "not found")


async def test_a_camera_is_offline_since_it_was_lost_however_often_it_was_tried(bus: Bus) -> None:
    told = CameraStatus(bus, SITE, "lost", "gateway-1", Lease(bus, "plant.lost", "gateway-1"))
    told.change(OFFLINE, "nothing listens there")
    since = told.message().since
    for state in (CONNECTING, OFFLINE, CONNECTING, OFFLINE):
        told.change(state)
    assert told.message().since == since
    for state in (CONNECTING, LIVE, OFFLINE):
        told.change(state)
    assert told.message().since > since


async def test_it_is_repeated_while_nothing_changes(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fleet.camera_status._EVERY_S", 0.1)
    monkeypatch.setattr("gateway.fleet.camera_status._TICK_S", 0.02)
    witness = await Witness.on(bus)
    async with telling(bus, "steady"):
        await until(lambda: len(witness.statuses) >= 4, "repeated")
    assert len({said.since for said in witness.statuses[:-1]}) == 1


async def test_the_stream_has_it_again_after_the_server_was_killed(nats_server: NatsServer, bus: Bus) -> None:
    async with telling(bus, "healed") as told:
        told.change(LIVE)
        await until_async(lambda: kept(bus, "healed"), "kept")
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: not bus.connected, "noticed")
        await until(lambda: bus.connected, "connected again")

        async def healed() -> bool:
            said = await kept(bus, "healed")
            return said is not None and said.state == LIVE

        await until_async(healed, "the state is there again", 4)


async def test_a_change_while_the_server_is_away_is_not_lost(nats_server: NatsServer, bus: Bus) -> None:
    async with telling(bus, "away") as told:
        await until_async(lambda: kept(bus, "away"), "kept")
        await asyncio.to_thread(nats_server.kill)
        await until(lambda: not bus.connected, "noticed")
        told.change(OFFLINE, "gone")
        await asyncio.to_thread(nats_server.start)
        await until(lambda: bus.connected, "connected again")

        async def said() -> bool:
            latest = await kept(bus, "away")
            return latest is not None and latest.reason == "gone"

        await until_async(said, "the change is told")


async def test_at_the_end_it_says_that_the_gateway_has_stopped(bus: Bus) -> None:
    async with telling(bus, "ended") as told:
        told.change(LIVE)
        assert counted("vedette_camera_up", camera="ended") == 1
        await until_async(lambda: kept(bus, "ended"), "kept")
    latest = await kept(bus, "ended")
    assert latest is not None
    assert (latest.state, latest.reason) == (OFFLINE, "the gateway has stopped")
    assert counted("vedette_camera_up", camera="ended") == 0


async def test_who_does_not_own_the_camera_says_nothing(bus: Bus) -> None:
    witness = await Witness.on(bus)
    lease = Lease(bus, "plant.foreign", "gateway-2")
    told = CameraStatus(bus, SITE, "foreign", "gateway-2", lease)
    async with telling(bus, "foreign"), background(told.run(), lease.run()):
        await until(lambda: lease.other_owner is not None, "the owner is known")
        told.change(OFFLINE, "mine")
        await until(lambda: not told._changed.is_set(), "it was looked at")
        await bus.settle()
    await bus.settle()
    assert {said.gateway for said in witness.statuses} == {"gateway-1"}


async def test_the_message_tells_the_stream_the_rates_and_the_decoding(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(bus, "plant.told", "gateway-1")
    told = CameraStatus(bus, SITE, "told", "gateway-1", lease)
    bare = told.message()
    assert (bare.codec, bare.width, bare.source_fps, bare.sampled_fps, bare.decode, bare.epoch) == (None,) * 6
    told.on_stream(StreamInfo("h264", 1920, 1080, 30.0, "tcp"))
    assert (told.message().source_fps, told.message().decode) == (30.0, "all")
    told.stats = ReaderStats(packets=1)
    told._count(100.0)
    assert told.message().cpu is None, "it is not measured where the reader is"
    told.stats.cpu_s = 5.0
    told._count(100.0)
    told.stats.cpu_s = 5.6
    told.stats.packets, told.stats.sampled, told.stats.corrupt, told.stats.decode = 101, 8, 2, "keyframes"
    told._count(104.0)
    said = told.message()
    assert (said.source_fps, said.sampled_fps, said.decode) == (25.0, 2.0, "keyframes")
    assert said.cpu == 0.15, "cores"
    assert counted("vedette_frames_received_total", camera="told") == 101
    assert counted("vedette_frames_corrupt_total", camera="told") == 2
    told._count(108.0)
    assert (told.message().source_fps, told.message().sampled_fps) == (0.0, 0.0)


async def test_what_a_dead_process_had_read_and_not_decided_is_lost_and_counted_once(bus: Bus) -> None:
    told = CameraStatus(bus, SITE, "killed", "gateway-1", Lease(bus, "plant.killed", "gateway-1"))
    told.follow(ReaderStats(packets=10, ended_unsampled=6, ended_sampled=1))
    told.follow(second := ReaderStats())
    second.packets = second.ended_gated = 4
    told.follow(ReaderStats())
    fates = {fate: counted("vedette_frames_read_total", camera="killed", fate=fate) for fate in (*FATES, "lost")}
    assert fates == {"unsampled": 6, "gated": 4, "held": 0, "corrupt": 0, "sampled": 1, "lost": 3}
    assert counted("vedette_frames_received_total", camera="killed") == sum(fates.values())


async def test_time_spent_live_adds_up(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("gateway.fleet.camera_status.monotonic", lambda: now_s)
    told = CameraStatus(bus, SITE, "spent", "gateway-1", Lease(bus, "plant.spent", "gateway-1"))
    for state, lasts_s in ((CONNECTING, 1), (LIVE, 30), (STALLED, 5), (LIVE, 7)):
        told.change(state)
        now_s += lasts_s
    assert told.live_s() == 37
