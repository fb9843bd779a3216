"""The guard in the streams: a real server, the real model, from the frame to the stored event."""

import json
from collections.abc import AsyncIterator, Callable

import cv2
import jsonschema
import numpy as np
import pytest

from inference import metrics
from inference.dataplane import DataPlane
from inference.guard.inspection import Inspection
from inference.guard.measures import measure
from inference.picture_model import PictureModel
from inference.runtime.batching import DeadlineExceeded
from tests.inference.guard.pictures import Image, jpeg, png, webp, with_exif
from tests.inference.stream.test_live_consumer import SCHEMA, dropped, total
from tests.inference.worker import PEOPLE, Camera, encoded, jpegs, listen, open_plane, pictures, working
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.guard_settings import Guard
from vedette.config.pipeline_settings import Pipeline

DARK = encoded((pictures()[0] // 16).astype(np.uint8))
BLURRED = encoded(np.asarray(cv2.GaussianBlur(pictures()[0], (0, 0), 8), np.uint8))


def guarded(**settings: object) -> Pipeline:
    return PEOPLE.model_copy(update={"guard": Guard.model_validate(settings)})


@pytest.fixture
async def plane() -> AsyncIterator[DataPlane]:
    async with open_plane() as plane:
        yield plane


async def test_without_a_guard_a_message_has_no_input_and_with_one_it_has_the_measures(
    bus: Bus, plane: DataPlane
) -> None:
    notes = await listen(bus)
    async with working(bus, plane):
        await Camera(bus, "plain").frame(0)
        await notes.until_served(1)
    async with working(bus, plane, guarded()):
        await Camera(bus).frame(0)
        await Camera(bus, "film").clip(0)
        await until(lambda: len(notes.events) == 3, "three events")
    for message in notes.messages:
        jsonschema.validate(json.loads(message.data), SCHEMA)
    plain, *others = sorted(notes.events, key=lambda event: event.camera != "plain")
    assert plain.input is None
    expected = measure(np.asarray(cv2.resize(pictures()[0], (416, 312)), np.uint8))
    for event in others:
        assert event.detections
        assert event.input is not None
        assert (event.input.verdict, event.input.reasons, event.input.disagreement) == ("ok", (), None)
        assert event.input.luminance == pytest.approx(expected.luminance, abs=1)
        assert event.input.sharpness == pytest.approx(expected.sharpness, rel=0.3)
        assert event.input.hash is not None
        assert (int(event.input.hash, 16) ^ expected.hash).bit_count() <= 4


async def test_a_rejected_frame_is_told_and_counted_and_not_inferred(bus: Bus, plane: DataPlane) -> None:
    notes, before = await listen(bus), total(metrics.INFERRED)
    lost = {name: dropped("rejected", name) for name in ("gate", "recording")}
    verdicts = total(metrics.INPUT_VERDICTS, verdict="rejected", reason="dark")
    async with working(bus, plane, guarded(luminance=[30, 220], reject=["dark"])):
        await Camera(bus).frame(0, DARK)
        await Camera(bus, "film").clip(0, DARK)
        await notes.until_served(2)
        await until(lambda: len(notes.events) == 2, "two events")
    assert notes.outcomes == ["rejected", "rejected"]
    for event in notes.events:
        assert event.input is not None
        assert (event.input.verdict, event.input.reasons) == ("rejected", ("dark",))
        assert (event.detections, event.timing, event.error) == ((), None, None)
    assert total(metrics.INFERRED) == before
    assert {name: dropped("rejected", name) - count for name, count in lost.items()} == {"gate": 1, "recording": 1}
    assert total(metrics.INPUT_VERDICTS, verdict="rejected", reason="dark") == verdicts + 2


async def test_a_suspect_frame_and_a_rejected_one_that_is_wanted_are_inferred(
    bus: Bus, plane: DataPlane, caplog: pytest.LogCaptureFixture
) -> None:
    notes = await listen(bus)
    pipeline = guarded(sharpness=20, min_size=[800, 100], infer_rejected=True, reject=["small"])
    async with working(bus, plane, pipeline):
        await Camera(bus, "small").frame(0)
        await Camera(bus, "blurred").frame(0, encoded(np.asarray(cv2.resize(pictures()[0], (800, 600)), np.uint8)))
        await notes.until_served(2)
        blurred = cv2.resize(cv2.imdecode(np.frombuffer(BLURRED, np.uint8), 1), (800, 600))  # type: ignore[arg-type]
        await Camera(bus, "blurred").frame(1, encoded(np.asarray(blurred, np.uint8)))
        await notes.until_served(3)
        await until(lambda: len(notes.events) == 3, "three events")
    assert notes.outcomes == ["inferred"] * 3
    found = {(event.camera, event.frame.seq): event for event in notes.events}
    said = {key: event.input and (event.input.verdict, event.input.reasons) for key, event in found.items()}
    assert said == {
        ("small", 0): ("rejected", ("small",)),
        ("blurred", 0): ("ok", ()),
        ("blurred", 1): ("suspect", ("blurred",)),
    }
    assert found["small", 0].detections
    assert "the picture is suspect: blurred" in caplog.text


async def test_a_frame_of_the_share_is_squeezed_and_says_how_far_the_answers_are_apart(
    bus: Bus, plane: DataPlane
) -> None:
    notes = await listen(bus)
    agreed = total(metrics.SQUEEZED, outcome="agreed")
    async with working(bus, plane, guarded(squeeze={"share": 1, "threshold": 1})):
        await Camera(bus).frame(0)
        await until(lambda: notes.events, "an event")
    sure = notes.events[0].input
    assert sure is not None
    assert sure.verdict == "ok"
    assert sure.disagreement is not None
    assert 0 < sure.disagreement < 0.4
    assert total(metrics.SQUEEZED, outcome="agreed") == agreed + 1


async def test_without_an_answer_on_the_copies_in_time_the_frame_is_served_all_the_same(
    plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect, calls = PictureModel._detect, iter(range(10))

    async def late(self: PictureModel, *args: object) -> object:
        if next(calls):
            raise DeadlineExceeded("over")
        return await detect(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureModel, "_detect", late)
    inspection = Inspection(Guard.model_validate({"squeeze": {"share": 1}}), squeezed=True)
    found = await plane.infer(jpegs()[0], inspection=inspection)
    assert found.detections
    assert found.verdict is not None
    assert (found.verdict.verdict, found.verdict.disagreement) == ("ok", None)


@pytest.mark.parametrize("make", [png, webp, jpeg])
async def test_pictures_of_all_formats_are_inferred_as_a_viewer_shows_them(
    plane: DataPlane, make: Callable[[Image], bytes]
) -> None:
    upright = await plane.infer(png(pictures()[0]))
    lying = np.ascontiguousarray(np.rot90(pictures()[0]))
    turned = await plane.infer(with_exif(make(lying), 6))
    sure = [found for found in upright.detections if found.confidence > 0.5]
    assert sure
    for found in sure:
        assert any(
            other.label == found.label and np.allclose(other.bbox, found.bbox, atol=0.02) for other in turned.detections
        )
