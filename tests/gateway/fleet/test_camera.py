"""Cameras on real streams: their states, their frames, and that none of them disturbs another."""

import os
import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client import generate_latest

from gateway.reading.interface import ReadOptions
from gateway.simulator import Credentials, SimulatedCamera, Simulator, SimulatorSettings
from tests.gateway.run_gateway import (
    FPS,
    Witness,
    configured,
    counted,
    decode_processes,
    gateway,
    lasting_leases,
    pixels,
    rate_of,
    simulated,
    stored_picture,
)
from tests.gateway.run_reader import WALK, WALK_ODD
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.retry import Backoff, Retry
from vedette.subjects import Feed

STAGES = [{"model": "coco-detector"}]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stalls are noticed sooner and retries come sooner than in earnest."""
    monkeypatch.setattr(
        "gateway.fleet.camera.ReadOptions", partial(ReadOptions, open_timeout_s=1.0, stall_s=0.8, dead_s=1.6)
    )
    monkeypatch.setattr("gateway.fleet.camera._BACKOFF", Backoff(first_s=0.05, cap_s=0.2))


async def test_a_camera_that_vanishes_is_offline_with_a_reason_and_comes_back(
    nats_server: NatsServer, bus: Bus
) -> None:
    witness = await Witness.on(bus)
    async with simulated("gate") as camera, gateway(configured(nats_server, {"gate": camera.url("gate")})):
        await until(lambda: witness.is_("gate", "live"), "live")
        assert witness.states("gate") == ["connecting", "live"]
        assert witness.last("gate").reason is None
        camera.vanish("gate")
        await until(lambda: witness.is_("gate", "offline"), "offline")
        await until(lambda: "no such stream" in (witness.last("gate").reason or ""), "it is said why")
        camera.resume("gate")
        count = len(witness.of("gate"))
        await until(lambda: witness.is_("gate", "live") and len(witness.of("gate")) > count, "live again")
        assert witness.states("gate")[:4] == ["connecting", "live", "offline", "connecting"]
        assert any((status.reason or "").startswith("last: ") for status in witness.statuses)
        ended = next(status.reason for status in witness.statuses if status.state == "offline")
        assert ended is not None
        assert "ended the stream" in ended
        assert witness.last("gate").reconnects == counted("vedette_camera_reconnects_total", camera="gate") >= 1
        assert counted("vedette_camera_up", camera="gate") == 1
    assert counted("vedette_camera_up", camera="gate") == 0


async def test_a_camera_that_falls_silent_stalls_fails_and_is_opened_again(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    async with simulated("silent") as camera, gateway(configured(nats_server, {"silent": camera.url("silent")})):
        await until(lambda: witness.is_("silent", "live"), "live")
        camera.stall("silent")
        await until(lambda: witness.is_("silent", "stalled"), "stalled")
        assert (witness.last("silent").reason or "").startswith("no frame for ")
        await until(lambda: witness.is_("silent", "offline"), "offline")
        assert "nothing for" in (witness.last("silent").reason or "")
        camera.resume("silent")
        await until(lambda: witness.is_("silent", "live"), "live again")
    assert witness.states("silent")[:5] == ["connecting", "live", "stalled", "offline", "connecting"]


async def test_garbage_is_counted_not_sampled_and_disturbs_no_other_camera(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    async with simulated("bad", "good") as camera:
        urls = {name: camera.url(name) for name in ("bad", "good")}
        async with gateway(configured(nats_server, urls)):
            await until(lambda: all(witness.is_(name, "live") and witness.of(name) for name in urls), "both live")
            camera.garble("bad")
            began_s = monotonic()
            await until(lambda: witness.is_("bad", "offline"), "offline")
            assert "can't be decoded" in (witness.last("bad").reason or "")
            assert counted("vedette_frames_corrupt_total", camera="bad") > 5
            during = [f for f in witness.of("bad") if f.came_s > began_s + 0.5]
            assert not during
            assert rate_of([f for f in witness.of("good") if f.came_s > began_s]) == pytest.approx(10, rel=0.25)
            assert counted("vedette_frames_corrupt_total", camera="good") == 0
    assert witness.states("good") == ["connecting", "live", "offline"]  # the last of them at the stop


async def test_a_change_of_resolution_is_in_the_frames_and_in_the_status(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    async with simulated("resized") as camera, gateway(configured(nats_server, {"resized": camera.url("resized")})):
        await until(lambda: len(witness.of("resized")) > 3, "frames")
        await camera.switch("resized", WALK_ODD)
        await until(lambda: witness.of("resized")[-1].headers.width == 557, "frames of the new size")
        await until(lambda: witness.last("resized").width == 418, "the status says so")
    sizes = {(f.headers.width, f.headers.height, pixels(f.jpeg).shape[:2]) for f in witness.of("resized")}
    assert sizes == {(320, 240, (120, 160)), (557, 314, (90, 160))}
    assert "offline" not in witness.states("resized")[:-1]


async def test_a_wrong_password_is_said_never_shown_and_retried_slowly(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []

    class Hasty(Retry):
        def wait_s(self, lasted_s: float, at_least_s: float = 0.0) -> float:
            waits.append(super().wait_s(lasted_s, at_least_s))
            return 0.01

    monkeypatch.setattr("gateway.fleet.camera.Retry", Hasty)
    caplog.set_level("DEBUG")
    witness = await Witness.on(bus)
    async with simulated("locked", credentials=Credentials("admin", "right")) as camera:
        config = configured(nats_server, {"locked": camera.url("locked").replace("right", "s3cret")})
        async with gateway(config):
            await until(lambda: len(waits) > 1, "tried twice")
            await until(lambda: witness.is_("locked", "offline"), "offline")
            reason = witness.last("locked").reason or ""
    assert "wrong user name or password" in reason
    assert min(waits) >= 30
    said = reason + repr(witness.statuses) + caplog.text + generate_latest().decode() + repr(config)
    assert "s3cret" not in said
    assert "admin" not in said


async def test_a_file_that_is_played_once_ends_offline(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    async with gateway(configured(nats_server, {"file": str(WALK)})):
        await until(lambda: witness.is_("file", "offline"), "the end")
        assert witness.last("file").reason == "the file has ended"
    assert witness.states("file") == ["connecting", "live", "offline"]
    assert [frame.headers.seq for frame in witness.of("file")] == list(range(len(witness.of("file"))))


async def test_a_looped_file_runs_on(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    camera = {"url": str(WALK), "pipeline": "people", "loop": True}
    async with gateway(configured(nats_server, {"loop": camera})):
        await until(lambda: witness.of("loop") and (witness.of("loop")[-1].headers.pts or 0) > 4.5, "a second pass")
        assert witness.states("loop") == ["connecting", "live"]
    times = [frame.headers.pts for frame in witness.of("loop")]
    assert times == sorted(times, key=lambda pts: pts or 0)


async def test_keyframes_only_are_taken_where_that_is_asked_for(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    async with simulated("keys") as camera:
        config = {"url": camera.url("keys"), "pipeline": "people", "sampling": {"keyframes": True}}
        async with gateway(configured(nats_server, {"keys": config})):
            await until(lambda: len(witness.of("keys")) >= 4, "keyframes")
            await until(lambda: witness.last("keys").state == "live", "live")
            assert witness.last("keys").decode == "keyframes"
            at_s = [unit.capture_s for unit in camera.clip("keys").units if unit.keyframe]
            gap_s = (at_s[1] - at_s[0]) * camera.clip("keys").fps / FPS
            received = partial(counted, "vedette_frames_received_total", camera="keys")
            await until(lambda: received() >= 3 * gap_s * FPS, "packets between them are counted too")
    times = [frame.headers.pts for frame in witness.of("keys")[1:]]
    assert [b - a for a, b in pairwise(filter(None, times))] == pytest.approx([gap_s] * (len(times) - 1), abs=0.01)


async def test_two_pipelines_take_two_sizes_from_one_decode(nats_server: NatsServer, bus: Bus) -> None:
    pipelines = {
        "small": {"frame": {"width": 96}, "sampling": {"fps": 5}, "stages": STAGES},
        "large": {"frame": {"width": 320}, "sampling": {"fps": 10}, "stages": STAGES},
    }
    witness = await Witness.on(bus)
    async with simulated("both") as camera:
        cameras = {"both": {"url": camera.url("both"), "pipeline": ["small", "large"]}}
        async with gateway(configured(nats_server, cameras, pipelines)):
            frames: Callable[[str], list[bytes]] = lambda name: [  # noqa: E731
                frame.jpeg for frame in witness.frames if frame.feed.pipeline == name
            ]
            await until(lambda: len(frames("small")) >= 10, "frames of both")
            assert camera.viewers("both") == 1
            assert len(frames("large")) == pytest.approx(20, abs=4)
            assert {pixels(jpeg).shape[1] for jpeg in frames("small")} == {96}
            assert {pixels(jpeg).shape[1] for jpeg in frames("large")} == {320}
    for name in pipelines:
        seqs = [frame.headers.seq for frame in witness.frames if frame.feed.pipeline == name]
        assert seqs == list(range(len(seqs)))


async def test_privacy_polygons_are_black_in_what_the_bus_keeps(nats_server: NatsServer, bus: Bus) -> None:
    witness = await Witness.on(bus)
    corner = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]
    async with simulated("private") as camera:
        cameras = {"private": {"url": camera.url("private"), "pipeline": "people", "privacy": [corner]}}
        async with gateway(configured(nats_server, cameras)):
            await until(lambda: witness.of("private"), "frames")
            picture = await stored_picture(bus, Feed("people", "plant", "private"))
    assert picture.shape == (120, 160, 3)
    assert picture[:60, :80].max() <= 8
    assert picture[68:, 88:].mean() > 30


async def test_forty_cameras_at_once_are_live_and_leave_nothing_behind(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.fleet.camera.ReadOptions", ReadOptions)  # the machine is busy
    lasting_leases(monkeypatch)
    names = [f"c{n:02}" for n in range(40)]
    pipelines = {"people": {"frame": {"width": 96}, "sampling": {"fps": 1}, "stages": STAGES}}

    def held() -> tuple[int, int, int]:
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return len(decode_processes()), len(threads), len(list(Path("/proc/self/fd").iterdir()))

    witness = await Witness.on(bus)
    cameras = [SimulatedCamera(name, WALK, 5) for name in names]
    async with Simulator(cameras, SimulatorSettings(udp=False)) as simulator:
        config = configured(nats_server, {name: simulator.url(name) for name in names}, pipelines)
        before = held()
        async with gateway(config):
            await until(lambda: all(witness.is_(name, "live") for name in names), "all live", 90)
            assert held()[0] == len(os.sched_getaffinity(0))
            await until(lambda: all(witness.of(name) for name in names), "frames of all", 60)
        await until(lambda: held() == before, "processes, threads and descriptors are given back")
    await until(lambda: all(witness.is_(name, "offline") for name in names), "all are said to be offline", 30)


async def test_a_second_gateway_waits_says_nothing_and_takes_over(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sharing.plan._AT_ONCE", 0)  # by its name the second one may be the camera's home
    witness = await Witness.on(bus)
    async with simulated("shared") as camera:
        config = configured(nats_server, {"shared": camera.url("shared")})
        async with gateway(config) as first:
            await until(lambda: witness.is_("shared", "live"), "live")
            owner = witness.last("shared")
            async with gateway(config):
                count = len(witness.of("shared"))
                await until(lambda: len(witness.of("shared")) > count + 20, "frames of the first")
                assert camera.viewers("shared") == 1
                assert {status.gateway for status in witness.statuses} == {owner.gateway}
                first.request()
                await until(lambda: witness.is_("shared", "offline"), "the first has stopped")
                assert witness.last("shared").reason == "the gateway has stopped"
                await until(lambda: witness.is_("shared", "live"), "the second is live")
                successor = witness.last("shared")
                count = len(witness.of("shared"))
                await until(lambda: len(witness.of("shared")) > count + 5, "frames of the second")
    assert successor.gateway != owner.gateway
    assert owner.epoch is not None
    assert successor.epoch is not None
    assert successor.epoch > owner.epoch
    identities = [(frame.headers.epoch, frame.headers.seq) for frame in witness.of("shared")]
    assert identities == sorted(set(identities))
    assert {epoch for epoch, _ in identities} == {owner.epoch, successor.epoch}


async def test_a_lease_that_another_takes_ends_the_reading_until_it_is_ours_again(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = await Witness.on(bus)
    async with simulated("lost") as camera, gateway(configured(nats_server, {"lost": camera.url("lost")})):
        await until(lambda: witness.is_("lost", "live"), "live")
        bucket = await bus.jetstream.key_value("vedette-leases")
        await bucket.put("plant.lost", b"gateway-other")
        await until(lambda: camera.viewers("lost") == 0, "the source is closed")
        count = len(witness.of("lost"))
        await until(lambda: len(witness.of("lost")) > count + 5, "the other is gone, and it is ours again")
        assert witness.is_("lost", "live")
        assert counted("vedette_camera_reconnects_total", camera="lost") == 0
    epochs = [frame.headers.epoch for frame in witness.of("lost")]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2


async def test_a_defect_that_one_camera_meets_ends_no_other(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.processes.link._PROGRAM", ("-m", "tests.gateway.broken_decode_process"))
    witness = await Witness.on(bus)
    async with (
        simulated("sound") as camera,
        gateway(configured(nats_server, {"broken": str(WALK), "sound": camera.url("sound")})),
    ):
        await until(lambda: len(witness.of("sound")) > 10, "frames of the sound one")
        await until(lambda: witness.is_("broken", "offline"), "the broken one is offline")
        assert witness.last("broken").reason == "internal error: ZeroDivisionError"
    said = next(record for record in caplog.records if "a defect" in record.getMessage())
    assert said.name == "gateway.processes.hosted_reader"
    assert said.getMessage().startswith("the reader failed\nTraceback")
    assert "s3cret" not in caplog.text


async def test_time_spent_live_makes_a_connection_healthy_even_if_it_stalls_at_the_end(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasted: list[float] = []

    class Noted(Retry):
        def wait_s(self, lasted_s: float, at_least_s: float = 0.0) -> float:
            lasted.append(lasted_s)
            return super().wait_s(lasted_s, at_least_s)

    monkeypatch.setattr("gateway.fleet.camera.Retry", Noted)
    witness = await Witness.on(bus)
    async with simulated("healthy") as camera, gateway(configured(nats_server, {"healthy": camera.url("healthy")})):
        await until(lambda: len(witness.of("healthy")) >= 12, "frames")
        camera.stall("healthy")
        await until(lambda: len(lasted) >= 2, "it fails, and the next attempt too")
    assert lasted[0] > 1.0
    assert lasted[1] == 0.0
