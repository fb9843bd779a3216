"""Live frames through a real server and the real model, up to the stored event."""

import asyncio
import json
import time
from time import monotonic

import jsonschema
import pytest
from prometheus_client import Counter

from inference import metrics
from inference.dataplane import DataPlane
from inference.picture_model import Inference
from tests.inference.worker import HEADERS, MODEL, ROOT, Camera, jpegs, listen, stored, working
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import Pipeline
from vedette.process.metrics import DROPPED, EXPIRED
from vedette.streams import DETECTIONS, FRAMES, PICTURES, WORK
from vedette.view import View

SCHEMA = json.loads((ROOT / "vedette/schemas/detections.v1.json").read_text())


def dropped(reason: str, camera: str = "gate") -> float:
    return float(DROPPED.labels(camera, reason, "inference")._value.get())


def total(counter: Counter, **labels: str) -> float:
    """Over all series that have these labels."""
    samples = [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


async def no_token_is_left(bus: Bus) -> bool:
    return await stored(bus, WORK) == 0


async def test_every_served_frame_gives_one_valid_cloudevent(bus: Bus, plane: DataPlane) -> None:
    notes, camera = await listen(bus), Camera(bus)
    async with working(bus, plane):
        for seq in range(5):
            await camera.frame(seq)
            await notes.until_served(seq + 1)
    assert notes.seqs() == [0, 1, 2, 3, 4]
    for message in notes.messages:
        event = json.loads(message.data)
        jsonschema.validate(event, SCHEMA)
        assert message.subject == "vedette.detections.plant-1.gate.people"
        assert message.headers is not None
        assert message.headers["Content-Type"] == "application/cloudevents+json"
        assert message.headers["Nats-Msg-Id"] == event["id"] == f"plant-1/gate/people/7-{event['data']['frame']['seq']}"
        assert event["data"]["model"] == {"name": "coco-detector", "version": MODEL.version, "digest": MODEL.digest}
        assert event["data"]["timing"]["total_ms"] >= event["data"]["timing"]["infer_ms"] > 0
        assert event["data"]["frame"]["captured_at"] == "2026-11-22T12:00:00.482Z"
        assert event["data"]["detections"]
    assert await stored(bus, DETECTIONS) == 5


async def test_what_is_found_in_a_substreams_picture_is_said_of_the_main_one(bus: Bus, plane: DataPlane) -> None:
    notes, camera, view = await listen(bus), Camera(bus), View(0.25, 0.5, 0.5, 0.25)
    async with working(bus, plane):
        await camera.frame(0)
        await notes.until_served(1)
        await camera.frame(1, jpegs()[0], view=view)
        await camera.clip(2, jpegs()[0], view=view)
        await until(lambda: len(notes.events) == 3, "three events")
    whole, *parts = ([found.bbox for found in event.detections] for event in notes.events)
    assert whole
    for part in parts:
        assert part == [view.in_main(box) for box in whole]


async def test_the_picture_is_the_very_jpeg_at_the_sequence_that_the_event_names(bus: Bus, plane: DataPlane) -> None:
    notes, camera = await listen(bus), Camera(bus)
    async with working(bus, plane):
        for seq in range(3):
            await camera.frame(seq)
            await notes.until_served(seq + 1)
    for event in notes.events:
        assert event.frame.picture is not None
        picture = await bus.jetstream.get_msg(PICTURES, event.frame.picture)
        assert picture.data == jpegs()[event.frame.seq]
        assert picture.subject == "vedette.picture.people.plant-1.gate"


async def test_a_frame_without_wanted_detections_keeps_no_picture(bus: Bus, plane: DataPlane) -> None:
    notes = await listen(bus)
    boats = Pipeline.model_validate({"stages": [{"model": "coco-detector", "labels": ["boat"]}]})
    async with working(bus, plane, boats):
        await Camera(bus).frame(0)
        await until(lambda: notes.messages, "an event")
    assert notes.events[0].detections == ()
    assert notes.events[0].frame.picture is None
    assert await stored(bus, PICTURES) == 0


async def test_the_token_is_acknowledged_only_when_the_event_is_stored_and_the_note_comes_after(
    bus: Bus, plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, publish, may_go, tokens_left = await listen(bus), bus.publish_confirmed, asyncio.Event(), []

    async def held_up(subject: str, *args: object, **named: object) -> object:
        if subject.startswith("vedette.detections."):
            await may_go.wait()
        return await publish(subject, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(bus, "publish_confirmed", held_up)
    async with working(bus, plane):
        await Camera(bus).frame(3)
        await until_async(lambda: stored(bus, PICTURES), "inferred, its picture is stored")
        tokens_left.append(await stored(bus, WORK))
        assert notes.served == []
        may_go.set()
        await until(lambda: notes.served, "a note")
        tokens_left.append(await stored(bus, WORK))
    assert tokens_left == [1, 0]
    assert notes.order == ["event", "served"]
    subject, note = notes.served[0]
    assert subject == "vedette.served.people.plant-1.gate"
    assert (note.epoch, note.seq, note.outcome) == (7, 3, "inferred")
    assert note.age_ms is not None
    assert note.age_ms > HEADERS.age_ms
    assert note.queue_ms is not None
    assert note.queue_ms >= 0


async def test_the_note_says_how_long_the_token_had_waited_for_its_turn(bus: Bus, plane: DataPlane) -> None:
    notes, began_s = await listen(bus), monotonic()
    await Camera(bus).frame(0)
    await until(lambda: monotonic() - began_s > 0.6, "it has waited")
    async with working(bus, plane):
        await until(lambda: notes.served, "a note")
    waited_ms = notes.served[0][1].waited_ms
    assert waited_ms is not None
    assert 300 < waited_ms < (monotonic() - began_s) * 1000


async def test_a_frame_past_its_budget_is_not_inferred_but_counted_and_noted(bus: Bus, plane: DataPlane) -> None:
    notes, before = await listen(bus), total(EXPIRED)
    async with working(bus, plane):
        await Camera(bus).frame(0, age_ms=1200.0, budget_ms=1000.0)
        await until(lambda: notes.served, "a note")
        await until_async(lambda: no_token_is_left(bus), "the token is acknowledged")
    assert notes.outcomes == ["expired"]
    assert notes.served[0][1].age_ms >= 1200  # type: ignore[operator]
    assert notes.messages == []
    assert total(EXPIRED) == before + 1
    assert total(DROPPED, reason="expired") == 0


async def test_a_frame_whose_budget_ends_while_it_waits_for_room_is_expired(
    bus: Bus, plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(lane: str) -> int:
        await asyncio.Event().wait()
        return 1

    monkeypatch.setattr(plane.stable.tensors.batcher, "wait_for_room", never)
    notes = await listen(bus)
    async with working(bus, plane):
        await Camera(bus).frame(0, budget_ms=300.0)
        await until(lambda: notes.served, "a note")
    assert notes.outcomes == ["expired"]


async def test_every_token_taken_is_inferred_expired_repeated_or_dropped(bus: Bus, plane: DataPlane) -> None:
    def ends() -> list[float]:
        counted = (metrics.INFERRED, EXPIRED, metrics.REPEATED, metrics.TOKENS_IN_VAIN)
        return [*(total(counter) for counter in counted), total(DROPPED, hop="inference")]

    notes, camera, before = await listen(bus), Camera(bus), ends()
    async with working(bus, plane):
        await camera.frame(5)
        await notes.until_served(1)
        await camera.offer()  # repeated
        await notes.until_served(2)
        await camera.frame(0, epoch=HEADERS.epoch - 1)  # deposed
        await Camera(bus, "late").frame(0, age_ms=1200.0, budget_ms=1000.0)
        await Camera(bus, "damaged").frame(0, jpegs()[0][:2000])
        await Camera(bus, "strange").raw(jpegs()[0], {"Vedette-Contract": "9"})
        await Camera(bus, "empty").offer()
        await bus.publish_confirmed("vedette.work.people.PLANT.gate", b"", {})
        await notes.until_served(7)
        await until_async(lambda: no_token_is_left(bus), "the tokens are acknowledged")
    taken = 8
    counted = [now - then for now, then in zip(ends(), before, strict=True)]
    assert counted == [1, 1, 1, 1, 4]
    assert sum(counted) == taken


@pytest.mark.parametrize("wrong_by_s", [-3600.0, 3600.0])
async def test_age_is_by_the_servers_clock_when_this_machines_is_wrong(
    bus: Bus, plane: DataPlane, monkeypatch: pytest.MonkeyPatch, wrong_by_s: float
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + wrong_by_s)
    notes = await listen(bus)
    async with working(bus, plane):
        await Camera(bus).frame(0, age_ms=100.0)
        await until(lambda: notes.served, "a note")
        assert notes.outcomes == ["inferred"]
        assert notes.served[0][1].age_ms is not None
        assert 100 < notes.served[0][1].age_ms < 15_000
        await Camera(bus).frame(1, age_ms=100.0, budget_ms=90.0)
        await until(lambda: len(notes.served) == 2, "a note")
        assert notes.outcomes[1] == "expired"


async def test_without_its_frames_stream_a_token_is_given_back_and_served_when_it_is_there_again(
    bus: Bus, plane: DataPlane
) -> None:
    notes, camera = await listen(bus), Camera(bus)
    await bus.jetstream.delete_stream(FRAMES)
    async with working(bus, plane):
        await camera.offer()
        await until_async(lambda: delivered_again(bus), "the token comes again")
        assert notes.served == []
        await bus.ensure()
        await camera.frame(0)
        await until(lambda: notes.events, "served")


async def delivered_again(bus: Bus) -> bool:
    info = await bus.jetstream.consumer_info(WORK, "w-people")
    return (info.num_redelivered or 0) > 0


async def test_an_unforeseen_error_ends_its_frame_alone_and_that_is_served_later(
    bus: Bus, plane: DataPlane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    infer, failures = plane.infer, iter([RuntimeError("a defect")])

    async def defective(jpeg: bytes, deadline: float | None = None, **named: object) -> Inference:
        for failure in failures:
            raise failure
        return await infer(jpeg, deadline, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(plane, "infer", defective)
    notes = await listen(bus)
    async with working(bus, plane):
        for name in ("a", "b", "c"):
            await Camera(bus, name).frame(0)
        await notes.until_served(2)
        defect = ({"a", "b", "c"} - {event.camera for event in notes.events}).pop()

        async def served_at_last() -> bool:
            await Camera(bus, defect).frame(0)  # as gateways go on: on a slow machine the first one ages out
            return len(notes.events) == 3

        await until_async(served_at_last, "served at last")
    assert caplog.text.count("RuntimeError: a defect") == 1
    assert sorted(event.camera for event in notes.events) == ["a", "b", "c"]
