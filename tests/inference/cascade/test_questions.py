"""Crops that are asked: what is under way is what somebody waits for."""

import asyncio
from typing import Any

import pytest

from inference.cascade.question import Question
from inference.cascade.questions import Questions
from tests.inference.cascade.access import LIVENESS, MODELS
from vedette.background import background, end
from vedette.bus.connection import Bus
from vedette.errors import MalformedMessage
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


QUESTION = Question("m", "plant-1", "gate", "people", "_INBOX.a.b", 1.0)


def test_a_crop_comes_as_it_was_asked() -> None:
    assert Question.decode(QUESTION.subject, QUESTION.encode()) == QUESTION


@pytest.mark.parametrize("subject", ["vedette.crop.m.plant-1.gate!", "vedette.crop.m.Plant.gate"])
def test_a_crop_is_of_a_camera_that_can_be_one(subject: str) -> None:
    with pytest.raises(MalformedMessage, match="names no camera's pipeline"):
        Question.decode(subject, QUESTION.encode())
