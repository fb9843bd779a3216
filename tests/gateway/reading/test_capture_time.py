"""Times of live frames: the camera's clock, wrong clocks, and time stamps that wrap and jump, over real RTSP."""

import datetime as dt
import itertools
from time import time

import psutil
import pytest

from gateway.pictures.sampled_frame import SampledFrame
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from tests.gateway.run_gateway import Witness, configured, gateway
from tests.gateway.run_reader import WALK, running
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus

FPS = 50.0
WRAP = 2**32


def simulated(**settings: float | None) -> Simulator:
    return Simulator([SimulatedCamera("gate", WALK, FPS, **settings)])  # type: ignore[arg-type]


def ages(frames: list[SampledFrame], now: float) -> list[float]:
    return [now - frame.captured_at for frame in frames]


async def test_capture_times_are_the_cameras_and_evenly_spaced() -> None:
    async with simulated(clock_off_s=-0.5) as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 60)
    frames = run.frames[2:]
    assert {frame.clock for frame in frames} == {"rtcp"}
    gaps = [b.captured_at - a.captured_at for a, b in itertools.pairwise(frames)]
    assert gaps == pytest.approx([1 / FPS] * len(gaps), abs=0.001)
    delays = [run.arrived_at(frame) - frame.captured_at for frame in frames]
    assert 0.5 <= min(delays) < 1.0


async def test_a_camera_without_sender_reports_is_dated_by_arrival() -> None:
    async with simulated(clock_off_s=None) as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 20)
        assert max(ages(run.frames, time())) < 5
    assert {frame.clock for frame in run.frames} == {"arrival"}
    assert run.reader.stats.clock_off_s is None


@pytest.mark.parametrize("off_s", [2 * 3600.0, -1.79e9])
async def test_a_clock_hours_off_disturbs_nothing_and_is_believed_once_it_is_right(off_s: float) -> None:
    async with simulated(clock_off_s=off_s) as camera, running(camera.url("gate"), Sampling(10)) as run:
        await run.until(lambda: len(run.frames) >= 8)
        assert min(ages(run.frames, time())) > -0.1 and max(ages(run.frames, time())) < 5
        assert {frame.clock for frame in run.frames} == {"arrival"}
        assert run.reader.stats.clock_off_s == pytest.approx(-off_s, abs=5)
        camera.set_clock("gate", 0.0)
        await run.until(lambda: run.frames[-1].clock == "rtcp")
        assert run.reader.stats.clock_off_s is None
        assert run.reader.stats.corrupt == 0
    assert sorted(run.frames, key=lambda frame: frame.arrived_monotonic) == run.frames


async def test_time_stamps_run_on_over_the_wrap_of_rtp() -> None:
    async with simulated(first_timestamp=WRAP - 36_000) as camera, running(camera.url("gate")) as run:
        await run.until(lambda: len(run.frames) >= 50)
    times = [frame.pts_s for frame in run.frames if frame.pts_s is not None]
    assert times[-1] - times[0] > 0.8  # 0.4 s of them lie before the wrap
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([1 / FPS] * len(gaps), abs=0.005)


@pytest.mark.parametrize("leap_s", [20_000.0, -3600.0])
async def test_a_jump_of_the_time_stamps_neither_bursts_nor_starves_nor_dates_wrongly(leap_s: float) -> None:
    async with simulated() as camera, running(camera.url("gate"), Sampling(10)) as run:
        await run.until(lambda: len(run.frames) >= 10)
        before = len(run.frames)
        camera.jump("gate", leap_s)
        await run.until(lambda: len(run.frames) >= before + 10)
    arrivals = [run.arrived_at(frame) for frame in run.frames[before:]]
    assert arrivals[-1] - arrivals[0] > 0.7  # 10 frames at 10 fps; a burst would take no time
    delays = [run.arrived_at(frame) - frame.captured_at for frame in run.frames]
    assert min(delays) >= -0.01 and max(delays) < 3


async def test_reading_the_clock_of_thousands_of_packets_leaks_nothing() -> None:
    process = psutil.Process()
    camera = Simulator([SimulatedCamera("gate", WALK, 1000)])
    async with camera, running(camera.url("gate"), Sampling(1)) as run:
        await run.until(lambda: run.reader.stats.packets >= 500)
        before = process.memory_full_info().uss
        await run.until(lambda: run.reader.stats.packets >= 2500)
        assert process.memory_full_info().uss - before < 8e6  # a frame kept is 115 kB
        assert run.reader.stats.clock == "rtcp"


async def test_a_wrong_clock_is_told_in_the_status_and_once_in_the_log(
    nats_server: NatsServer, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    witness = await Witness.on(bus)
    camera = simulated(clock_off_s=7200.0)
    await camera.start()
    async with gateway(configured(nats_server, {"gate": camera.url("gate")})):
        await until(lambda: witness.statuses and witness.last("gate").clock_off_s is not None, "the offset is told")
        await until(lambda: len(witness.of("gate")) >= 5, "frames come all the same")
    await camera.close()
    told = next(status for status in witness.statuses if status.clock_off_s is not None)
    assert told.clock == "arrival"
    assert told.clock_off_s == pytest.approx(-7200, abs=5)
    said = [record.message for record in caplog.records if "the camera's clock" in record.message]
    assert len(said) == 1
    assert said[0].endswith(" ahead; capture times are those of arrival")
    ages = [(dt.datetime.now(dt.UTC) - frame.headers.captured_at).total_seconds() for frame in witness.of("gate")]
    assert min(ages) >= 0 and max(ages) < 60
    assert all(frame.headers.age_ms < 5000 for frame in witness.of("gate"))
