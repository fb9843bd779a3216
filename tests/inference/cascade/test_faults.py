"""Services of further models that are down, slow, forged or mad: they cost attributes, never detections."""

import json
from collections.abc import Sequence

import pytest
from nats.aio.msg import Msg

from inference import metrics
from inference.cascade import cascade as cascades
from inference.cascade.question import Question
from inference.cascade.questions import SILENT_AFTER
from tests.inference.cascade.access import (
    ACCESS,
    EMBEDDING,
    JUDGED,
    LIVENESS,
    Faces,
    detecting,
    group,
    serving,
    standing_in,
    total,
)
from tests.inference.worker import Camera, lasting_frames, listen, stored
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import Pipeline
from vedette.messages import Detections
from vedette.streams import CROPS

LONG_MS = 120_000.0
LABELS = ("live", "not live 1", "not live 2")
SCORES = [["live", 0.9], ["not live 1", 0.1], ["not live 2", 0.0]]


def model(name: str) -> dict[str, str]:
    return {"name": name, "version": "1.0.0", "digest": "sha256:0"}


def answer(name: str = LIVENESS, **said: object) -> bytes:
    return json.dumps({"model": model(name), **said}).encode()


def without_attributes(event: Detections) -> bool:
    return bool(event.detections) and not any(found.attributes for found in event.detections)


async def test_a_service_that_is_down_costs_its_attribute_when_the_budget_is_over(bus: Bus) -> None:
    notes = await listen(bus)
    async with serving(bus, LIVENESS), detecting(bus, ACCESS, {"staff": Faces()}):

        async def judged() -> bool:
            number = len(notes.served) + 1  # with more time than the last one: however slow the machine is, one does
            await Camera(bus).frame(number, group("obama"), budget_ms=1000.0 * number)
            await notes.until_served(number)
            return bool(notes.events) and bool(notes.events[-1].stages)

        await until_async(judged, "liveness is in time")
    event = notes.events[-1]
    assert event.incomplete == (EMBEDDING, "staff")
    assert [list(found.attributes) for found in event.detections] == [["liveness"]]
    assert [one.name for one in event.stages] == [LIVENESS]


async def test_cameras_go_on_while_others_wait_for_crops(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    await lasting_frames(bus, monkeypatch)
    notes, names = await listen(bus), [f"door-{number}" for number in range(40)]
    async with detecting(bus, JUDGED) as worker:
        assert 2 * worker.plane.capacity < len(names)
        for name in names:
            await Camera(bus, name).frame(0, group("obama"), budget_ms=LONG_MS)
        await until_async(lambda: holds(bus, len(names)), "all have sent their crops, though nobody answers")
        assert notes.messages == []
        async with serving(bus, LIVENESS):
            await notes.until_served(len(names))
    assert {event.camera for event in notes.events} == set(names)
    assert all("liveness" in event.detections[0].attributes for event in notes.events)
    assert [event.incomplete for event in notes.events] == [()] * len(names)


async def holds(bus: Bus, count: int) -> bool:
    return await stored(bus, CROPS) == count


UNUSABLE: dict[str, list[bytes]] = {
    "nothing": [b""],
    "no-json": [b"\xff\xfe{"],
    "a-list": [b"[1, 2]"],
    "deep": [b"[" * 100_000],
    "no-model": [json.dumps({"classes": SCORES}).encode()],
    "other-model": [answer("face-embedding", embedding=[1.0])],
    "endless-version": [json.dumps({"model": model(LIVENESS) | {"version": "1" * 200}, "classes": SCORES}).encode()],
    "no-scores": [answer()],
    "too-few": [answer(classes=SCORES[:2])],
    "other-labels": [answer(classes=[["alive", 1.0], *SCORES[1:]])],
    "nan": [answer(classes=[["live", float("nan")], *SCORES[1:]])],
    "over-1": [answer(classes=[["live", 1.5], *SCORES[1:]])],
    "too-large": [answer(classes=SCORES, more="x" * 300_000)],
}


async def test_answers_that_are_none_cost_the_attribute_alone(bus: Bus) -> None:
    notes, before = await listen(bus), total(metrics.CROPS_ASKED, outcome="unusable")

    def answers(crop: Msg) -> Sequence[bytes]:
        return UNUSABLE[crop.subject.rpartition(".")[2]]

    async with standing_in(bus, LIVENESS, answers), detecting(bus, JUDGED):
        for name in UNUSABLE:
            await Camera(bus, name).frame(0, group("obama"), budget_ms=LONG_MS)
            await notes.until_served(1, name)
    assert {event.camera for event in notes.events} == set(UNUSABLE)
    assert all(without_attributes(event) and event.incomplete == (LIVENESS,) for event in notes.events)
    assert total(metrics.CROPS_ASKED, outcome="unusable") - before == len(UNUSABLE)


VECTORS: dict[str, list[object]] = {
    "empty": [],
    "long": [0.5] * 128,
    "nan": [float("nan")] * 128,
    "text": ["1"],
    "huge": [1e308] * 4,
    "many": [0.01] * 10_000,
}


async def test_a_vector_that_is_none_is_not_compared(bus: Bus) -> None:
    notes, gallery = await listen(bus), Faces()
    stages = [{"model": "face-detector"}, {"model": EMBEDDING, "on": "face"}, {"identities": "staff", "on": "face"}]
    pipeline = Pipeline.model_validate({"stages": stages})

    def answers(crop: Msg) -> Sequence[bytes]:
        return [answer(EMBEDDING, embedding=VECTORS[crop.subject.rpartition(".")[2]])]

    async with standing_in(bus, EMBEDDING, answers), detecting(bus, pipeline, {"staff": gallery}):
        for name in VECTORS:
            await Camera(bus, name).frame(0, group("obama"), budget_ms=LONG_MS)
            await notes.until_served(1, name)
    assert [event.incomplete for event in notes.events] == [(EMBEDDING, "staff")] * len(VECTORS)
    assert all(without_attributes(event) for event in notes.events)
    assert gallery.asked == []


async def test_only_the_first_answer_to_its_own_inbox_counts(bus: Bus) -> None:
    notes, stray = await listen(bus), total(metrics.CROP_ANSWERS_LEFT_OUT, reason="stray")
    forged = answer(classes=[["live", 0.0], ["not live 1", 1.0], ["not live 2", 0.0]])

    async with detecting(bus, JUDGED):
        await Camera(bus).frame(0, group("obama"), budget_ms=LONG_MS)
        await until_async(lambda: holds(bus, 1), "the crop is sent")
        inbox = (await bus.jetstream.get_last_msg(CROPS, f"vedette.crop.{LIVENESS}.plant-1.gate")).headers or {}
        root = inbox["Vedette-Reply"].rpartition(".")[0]
        await bus.client.publish(f"{root}.guessed", forged)
        await until(lambda: total(metrics.CROP_ANSWERS_LEFT_OUT, reason="stray") == stray + 1, "the guess is left out")
        async with standing_in(bus, LIVENESS, lambda _: [answer(classes=SCORES), forged, forged]):
            await notes.until_served(1)
            await until(
                lambda: total(metrics.CROP_ANSWERS_LEFT_OUT, reason="stray") == stray + 3, "and what came after"
            )
    assert notes.events[0].detections[0].attributes == {"liveness": 0.9}
    assert len(notes.events) == 1


async def test_a_service_that_says_it_failed_is_not_waited_for(bus: Bus) -> None:
    notes, failed = await listen(bus), total(metrics.CROPS_ASKED, outcome="failed")
    async with standing_in(bus, LIVENESS, lambda _: [answer(error="out of memory")]), detecting(bus, JUDGED):
        await Camera(bus).frame(0, group("obama", "biden"), budget_ms=LONG_MS)
        await notes.until_served(1)
    assert notes.events[0].incomplete == (LIVENESS,)
    assert total(metrics.CROPS_ASKED, outcome="failed") == failed + 2


async def test_without_a_stream_of_crops_nobody_waits(bus: Bus) -> None:
    notes = await listen(bus)
    await bus.jetstream.delete_stream(CROPS)
    async with detecting(bus, JUDGED):
        await Camera(bus).frame(0, group("obama"), budget_ms=LONG_MS)
        await notes.until_served(1)
    assert notes.events[0].incomplete == (LIVENESS,)
    assert without_attributes(notes.events[0])


async def test_a_silent_service_is_waited_for_once_in_a_while_alone_and_comes_back(bus: Bus) -> None:
    notes, camera = await listen(bus), Camera(bus)

    async def frame(budget_ms: float) -> None:
        await camera.frame(len(notes.served), group("obama"), budget_ms=budget_ms)
        await notes.until_served(len(notes.served) + 1)

    async with detecting(bus, JUDGED):

        async def is_silent() -> bool:
            await frame(budget_ms=1500.0)
            return total(metrics.CROPS_ASKED, model=LIVENESS, outcome="silent") > silent

        silent = total(metrics.CROPS_ASKED, model=LIVENESS, outcome="silent")
        await until_async(is_silent, "it is not asked any more")
        assert len(notes.served) > SILENT_AFTER
        async with serving(bus, LIVENESS):

            async def is_back() -> bool:
                await frame(budget_ms=LONG_MS)
                return "liveness" in notes.events[-1].detections[0].attributes

            await until_async(is_back, "it is asked again")
    assert all(event.detections for event in notes.events)


async def test_a_frame_has_so_many_crops_at_most_and_says_what_was_left_out(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascades, "MOST_CROPS", 1)
    notes = await listen(bus)
    async with serving(bus, LIVENESS), detecting(bus, JUDGED):
        await Camera(bus).frame(0, group("obama", "biden"), budget_ms=LONG_MS)
        await notes.until_served(1)
    first, second = sorted(notes.events[0].detections, key=lambda found: -found.confidence)
    assert "liveness" in first.attributes
    assert second.attributes == {}
    assert notes.events[0].incomplete == (LIVENESS,)


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({"Vedette-Reply": "vedette.detections.plant-1.gate.people"}, "malformed"),
        ({"Vedette-Reply": "$JS.API.STREAM.DELETE.DETECTIONS"}, "malformed"),
        ({"Vedette-Budget-Ms": "inf"}, "malformed"),
        ({"Vedette-Contract": "2"}, "malformed"),
        ({"Vedette-Budget-Ms": "0.001"}, "expired"),
    ],
)
async def test_a_crop_that_asks_amiss_or_too_late_is_dropped_and_counted(
    bus: Bus, headers: dict[str, str], outcome: str
) -> None:
    heard: list[Msg] = []

    async def on_message(message: Msg) -> None:
        heard.append(message)

    await bus.client.subscribe("vedette.detections.>", cb=on_message)
    question = Question(LIVENESS, "plant-1", "gate", "people", "_INBOX.a.b", LONG_MS)
    before = total(metrics.CROPS_SERVED, model=LIVENESS, outcome=outcome)
    await bus.client.publish(question.subject, group("obama"), headers=question.encode() | headers)
    async with serving(bus, LIVENESS):
        await until(lambda: total(metrics.CROPS_SERVED, model=LIVENESS, outcome=outcome) == before + 1, "counted")
        await until_async(lambda: holds(bus, 0), "dropped")
    assert heard == []


async def test_a_picture_that_is_none_is_answered_with_the_reason(bus: Bus) -> None:
    question = Question(LIVENESS, "plant-1", "gate", "people", bus.client.new_inbox(), LONG_MS)
    waiting = await bus.client.subscribe(question.reply)
    await bus.client.publish(question.subject, group("obama")[:1000], headers=question.encode())
    async with serving(bus, LIVENESS):
        said = json.loads((await waiting.next_msg(60)).data)
    assert "damaged" in said["error"]
    assert said["model"]["name"] == LIVENESS
