import asyncio
import datetime as dt
import logging
import time

import pytest

from inference import metrics
from inference.stream import server_clock
from inference.stream.server_clock import ServerClock
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus


def error_s(clock: ServerClock, real: float) -> float:
    return abs(clock.now().timestamp() - real)


async def test_the_offset_of_a_right_clock_is_near_zero(bus: Bus) -> None:
    clock = ServerClock(bus)
    await clock.measure()
    assert error_s(clock, time.time()) < 0.2
    assert abs(metrics.CLOCK_OFFSET._value.get()) < 0.2


@pytest.mark.parametrize("wrong_by_s", [-86_400.0, -0.5, 0.5, 86_400.0])
async def test_a_wrong_clock_of_this_machine_is_measured_and_told_once(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, wrong_by_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + wrong_by_s)
    caplog.set_level(logging.WARNING, "inference.stream.server_clock")
    clock = ServerClock(bus)
    await clock.measure()
    await clock.measure()
    assert error_s(clock, real()) < 0.2
    assert metrics.CLOCK_OFFSET._value.get() == pytest.approx(-wrong_by_s, abs=0.2)
    assert len(caplog.records) == 1
    assert "ms off the NATS server's" in caplog.text


async def test_a_clock_that_is_set_while_we_run_changes_nothing(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real = ServerClock(bus), time.time
    await clock.measure()
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert error_s(clock, real()) < 0.2


async def test_it_is_measured_soon_when_the_server_did_not_answer_at_first(
    bus: Bus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_clock, "_AGAIN_AFTER_S", 0.01)
    nats_server.kill()
    await until(lambda: not bus.connected, "disconnected")
    clock = ServerClock(bus)
    clock._ahead_of_monotonic_s = 0.0
    async with background(clock.run()):
        assert clock.now() < dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: error_s(clock, time.time()) < 0.2, "measured")
