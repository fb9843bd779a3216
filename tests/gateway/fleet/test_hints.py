"""Hints reach the camera that they are about, and nobody can keep a gate open for long by one."""

import datetime as dt
from time import monotonic

import pytest

from gateway.fleet.hints import LONGEST_S, Hints
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.messages import Hint
from vedette.subjects import hint


def moving(for_s: float) -> bytes:
    return Hint(until=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=for_s)).model_dump_json().encode()


async def test_a_hint_reaches_its_camera_alone_and_holds_for_ten_seconds_at_most(bus: Bus) -> None:
    gate: list[float] = []
    yard: list[float] = []
    hints = Hints(bus, "plant-1")
    await hints.start()
    hints.tell("gate", gate.append)
    hints.tell("yard", yard.append)
    began_s = monotonic()
    await bus.client.publish(hint("plant-1", "nobody"), moving(3))
    await bus.client.publish(hint("elsewhere", "gate"), moving(3))
    await bus.client.publish(hint("plant-1", "gate"), moving(-1))
    await bus.client.publish(hint("plant-1", "gate"), moving(3600))
    await bus.client.publish(hint("plant-1", "gate"), moving(5))
    await until(lambda: len(gate) == 2, "two hints that mean something")
    assert gate[0] <= monotonic() + LONGEST_S
    assert gate[0] > gate[1] > began_s + 3
    hints.forget("gate")
    await bus.client.publish(hint("plant-1", "gate"), moving(5))
    await bus.client.publish(hint("plant-1", "yard"), moving(5))
    await until(lambda: yard, "a later hint for another camera")
    assert len(gate) == 2


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"until": "soon"}', b"\xff"])
async def test_a_malformed_hint_is_said_and_harmless(
    bus: Bus, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[float] = []
    hints = Hints(bus, "plant-1")
    await hints.start()
    hints.tell("gate", heard.append)
    await bus.client.publish(hint("plant-1", "gate"), payload)
    await bus.client.publish(hint("plant-1", "gate"), moving(5))
    await until(lambda: heard, "the next hint")
    assert "malformed hint" in caplog.text
