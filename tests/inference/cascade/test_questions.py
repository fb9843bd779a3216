"""Crops that are asked: what is under way is what somebody waits for."""

import asyncio
from typing import Any

import pytest

from inference.cascade.questions import Questions
from tests.inference.cascade.access import LIVENESS, MODELS
from vedette.background import background, end
from vedette.bus import Bus
from vedette.subjects import Feed


async def test_whoever_is_cancelled_while_a_crop_is_sent_leaves_nothing_under_way(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions, sending = Questions(bus), asyncio.Event()

    async def never_sent(*args: Any) -> None:
        sending.set()
        await asyncio.Event().wait()

    async with background(questions.run()):
        monkeypatch.setattr(questions, "_send", never_sent)
        feed = Feed("people", "plant-1", "gate")
        asking = asyncio.create_task(questions.ask(MODELS[LIVENESS].card, feed, b"", 60.0, "live"))
        await sending.wait()
        assert questions.under_way == 1
        await end([asking])
        assert questions.under_way == 0
