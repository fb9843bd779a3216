"""Cameras after something went wrong: what they say, where each frame went, and that no other one notices."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import pytest

from gateway.fleet.camera_status import CameraStatus
from gateway.fleet.live_publisher import LiveFeed
from gateway.reading.interface import ReadOptions
from gateway.simulator import Simulator
from tests.gateway.broken_decode_process import JUNK
from tests.gateway.run_gateway import (
    PEOPLE,
    Witness,
    configured,
    counted,
    dropped,
    gateway,
    lasting_leases,
    simulated,
)
from tests.gateway.run_reader import WALK
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import end
from vedette.bus.connection import Bus, connect
from vedette.fleet.leases import Lease
from vedette.retry import Backoff
from vedette.streams import FRAMES


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stalls are noticed sooner and retries come sooner than in earnest."""
    monkeypatch.setattr(
        "gateway.fleet.camera.ReadOptions", partial(ReadOptions, open_timeout_s=1.0, stall_s=0.8, dead_s=1.6)
    )
    monkeypatch.setattr("gateway.fleet.camera._BACKOFF", Backoff(first_s=0.05, cap_s=0.2))


async def test_a_camera_whose_next_sample_is_far_away_is_live_with_the_first_frame_it_decodes(
    nats_server: NatsServer, bus: Bus
) -> None:
    witness = await Witness.on(bus)
    async with simulated("rare") as camera:
        rare = {"url": camera.url("rare"), "pipeline": "people", "sampling": {"fps": 0.01}}
        async with gateway(configured(nats_server, {"rare": rare})):
            await until(lambda: witness.is_("rare", "live"), "live")
            camera.vanish("rare")
            await until(lambda: witness.is_("rare", "offline"), "offline")
            camera.resume("rare")
            await until(lambda: witness.is_("rare", "live"), "live again")
            assert len(witness.of("rare")) == 1
    retried = [status.reason for status in witness.statuses if status.state == "connecting" and status.reason]
    assert "ended the stream" in retried[0]
    assert all(reason.startswith("last: ") for reason in retried)


@pytest.mark.parametrize("broken", [Lease.run, CameraStatus.run, LiveFeed.publish], ids=lambda f: f.__qualname__)
async def test_a_defect_anywhere_begins_its_camera_anew_and_disturbs_no_other(
    nats_server: NatsServer,
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: Callable[..., Any],
) -> None:
    lasting_leases(monkeypatch)
    name, armed = f"defect-{broken.__qualname__.split('.')[0].lower()}", asyncio.Event()

    async def breaks(owner: object, *arguments: object) -> None:
        if name not in repr(vars(owner)) and name not in str(getattr(owner, "_subjects", "")):
            await broken(owner, *arguments)
            return
        work = asyncio.create_task(broken(owner, *arguments))
        waits = asyncio.create_task(armed.wait())
        try:
            await asyncio.wait((work, waits), return_when=asyncio.FIRST_COMPLETED)
            if armed.is_set():
                armed.clear()
                raise ZeroDivisionError("a defect")
            await work
        finally:
            await end((work, waits))

    owner = {"Lease": Lease, "CameraStatus": CameraStatus, "LiveFeed": LiveFeed}[broken.__qualname__.split(".")[0]]
    monkeypatch.setattr(owner, broken.__name__, breaks)
    witness = await Witness.on(bus)
    async with simulated(name, "sound") as camera:
        urls = {camera_name: camera.url(camera_name) for camera_name in (name, "sound")}
        async with gateway(configured(nats_server, urls)):
            await until(lambda: witness.is_(name, "live") and witness.is_("sound", "live"), "both live")
            armed.set()
            await until(lambda: counted("vedette_camera_defects_total", camera=name) == 1, "the defect is counted")
            count = len(witness.of(name))
            await until(lambda: witness.is_(name, "live") and len(witness.of(name)) > count + 3, "live again")
        assert went_on(witness, "sound")
    reasons = [status.reason or "" for status in witness.statuses if status.camera == name]
    assert any("internal error: ZeroDivisionError" in reason for reason in reasons)
    assert "a defect" in caplog.text
    assert "Traceback" in caplog.text
    identities = [(frame.headers.epoch, frame.headers.seq) for frame in witness.of(name)]
    assert identities == sorted(set(identities))


async def test_a_reader_whose_thread_is_stuck_is_left_behind_and_heard_no_more(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.processes.link._PROGRAM", ("-m", "tests.gateway.broken_decode_process"))
    monkeypatch.setattr("gateway.processes.remote_reader._LEAVE_WITHIN_S", 0.5)
    witness = await Witness.on(bus)
    received = partial(counted, "vedette_frames_received_total", camera="stuck")
    async with simulated("stuck") as camera, gateway(configured(nats_server, {"stuck": camera.url("stuck")})):
        await until(lambda: len(witness.of("stuck")) > 3 and received(), "frames")
        bucket = await bus.jetstream.key_value("vedette-leases")
        await bucket.put("plant.stuck", b"gateway-other")
        await until(lambda: "stuck and left behind" in caplog.text, "it is left behind")
        before, count = received(), len(witness.of("stuck"))
        await until(lambda: len(witness.of("stuck")) > count + 5, "frames of another reader")
        await until(lambda: received() > before > 0, "counters go on")
        late = witness.of("stuck")[count + 1 :]
    assert JUNK not in {frame.jpeg for frame in late}


async def test_frames_flow_again_after_their_stream_was_deleted(nats_server: NatsServer, bus: Bus) -> None:
    published = partial(counted, "vedette_frames_published_total", camera="deleted", pipeline="people")
    async with simulated("deleted") as camera, gateway(configured(nats_server, {"deleted": camera.url("deleted")})):
        for _ in range(2):
            count = published()
            await until(lambda n=count: published() > n + 5, "frames flow")  # type: ignore[misc]
            await bus.jetstream.delete_stream(FRAMES)
        count = published()
        await until(lambda: published() > count + 5, "frames flow again")
        assert dropped("deleted", "refused") > 0
    assert bus.client.stats["reconnects"] == 0


def went_on(witness: Witness, camera: str) -> bool:
    """Whether it was begun once, and not again; that a slow machine made it wait is not a fault."""
    begun = {frame.headers.epoch for frame in witness.of(camera)}
    return len(begun) == 1 and not [s for s in witness.statuses if s.camera == camera and "error" in (s.reason or "")]


@pytest.mark.parametrize("fault", ["stall", "vanish", "slow"])
async def test_a_fault_of_one_camera_is_not_another_ones(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    lasting_leases(monkeypatch)
    monkeypatch.setattr("gateway.fleet.camera.ReadOptions", ReadOptions)  # a slow machine is no fault of the good one
    faults: dict[str, Callable[[Simulator], None]] = {
        "stall": lambda camera: camera.stall("bad"),
        "vanish": lambda camera: camera.vanish("bad"),
        "slow": lambda camera: camera.slow("bad", 0.1),
    }
    witness = await Witness.on(bus)
    async with simulated("bad", "good") as camera:
        urls = {name: camera.url(name) for name in ("bad", "good")}
        async with gateway(configured(nats_server, urls)):
            await until(lambda: all(len(witness.of(name)) > 5 for name in urls), "frames of both")
            faults[fault](camera)
            began_s, count = monotonic(), len(witness.of("good"))
            await until(lambda: len(witness.of("good")) >= count + 30, "frames of the good one")
            assert len([frame for frame in witness.of("bad") if frame.came_s > began_s]) < 21
    assert went_on(witness, "good")


async def test_each_sampled_frame_was_published_superseded_or_dropped_whatever_happened(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting_leases(monkeypatch)
    ends = partial(counted, camera="chaos", pipeline="people")

    def all_dropped() -> float:
        reasons = ("disconnected", "no_lease", "bus_slow", "unacknowledged", "refused", "too_large")
        return sum(dropped("chaos", reason) for reason in reasons)

    def balanced() -> bool:
        ended = ends("vedette_frames_published_total") + ends("vedette_frames_superseded_total") + all_dropped()
        sampled = ends("vedette_frames_sampled_total")
        if len({status.epoch for status in witness.statuses}) > 1:  # a new lease supersedes what was published before
            return ended >= sampled
        return ended == sampled

    pipelines = {"people": PEOPLE["people"] | {"sampling": {"fps": 100}}}
    config: Callable[[Simulator], Any] = lambda camera: configured(  # noqa: E731
        nats_server, {"chaos": camera.url("chaos")}, pipelines
    )
    async with simulated("chaos") as camera, await connect(nats_server.address, "observer") as observer:
        witness = await Witness.on(observer)
        async with gateway(config(camera)):
            for _ in range(2):
                published, lost = ends("vedette_frames_published_total"), all_dropped()
                await until(lambda n=published: ends("vedette_frames_published_total") > n + 20, "frames flow")  # type: ignore[misc]
                await asyncio.to_thread(nats_server.kill)
                await until(lambda n=lost: all_dropped() > n + 5, "frames are lost")  # type: ignore[misc]
                await asyncio.to_thread(nats_server.start)
                await until(lambda: observer.connected, "the bus is back")
                camera.vanish("chaos")
                await until(lambda: witness.is_("chaos", "offline"), "offline")
                camera.resume("chaos")
            published = ends("vedette_frames_published_total")
            await until(lambda: ends("vedette_frames_published_total") > published + 20, "frames flow at last")
            await until(balanced, "each frame has ended once")  # given up after 2 s, while others flow
            assert len({frame.headers.epoch for frame in witness.frames}) == 1  # else frames of the old one count twice
            assert ends("vedette_frames_sampled_total") > 60


async def test_a_frame_replaced_before_it_was_sent_is_superseded_and_no_drop(nats_server: NatsServer, bus: Bus) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    class Slow(LiveFeed):
        async def publish(self, jpeg: bytes, headers: Any) -> None:
            started.set()
            await go_on.wait()

    superseded = partial(counted, "vedette_frames_superseded_total", camera="late", pipeline="people")
    witness = await Witness.on(bus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.fleet.live_publisher.LiveFeed", Slow)
        async with gateway(configured(nats_server, {"late": str(WALK)})):
            await until(started.is_set, "one is being sent")
            await until(lambda: superseded() >= 3, "the ones behind it replace each other")
            sampled = counted("vedette_frames_sampled_total", camera="late", pipeline="people")
            assert superseded() == sampled - 2  # one is being sent, one waits
            assert dropped("late", "superseded") == 0
            go_on.set()
    assert not witness.of("late")
