"""What can't be served as it is: no frame, malformed headers, undecodable pictures. Each ends alone."""

import logging

import cv2
import numpy as np
import pytest

from inference import metrics
from inference.dataplane import DataPlane
from tests.inference.stream.test_live_consumer import dropped, no_token_is_left
from tests.inference.worker import HEADERS, Camera, jpegs, listen, working
from tests.waiting import until, until_async
from vedette.bus.connection import Bus


async def test_a_token_without_a_frame_is_noted_as_missing(bus: Bus, plane: DataPlane) -> None:
    in_vain = metrics.TOKENS_IN_VAIN.labels("gate", "people")
    notes, before = await listen(bus), in_vain._value.get()
    async with working(bus, plane):
        await Camera(bus).offer()
        await until(lambda: notes.served, "a note")
    assert [(note.seq, note.outcome) for _, note in notes.served] == [(-1, "missing")]
    assert in_vain._value.get() == before + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"Vedette-Contract": "2"},
        {"Vedette-Seq": "-1"},
        {"Vedette-Size": "wide"},
        {"Vedette-Age-Ms": "nan"},
        {"Vedette-Age-Ms": "1e300"},
        {"Vedette-Captured-At": "noon"},
    ],
    ids=str,
)
async def test_malformed_headers_end_their_frame_alone(bus: Bus, plane: DataPlane, wrong: dict[str, str]) -> None:
    notes, before = await listen(bus), dropped("malformed")
    async with working(bus, plane):
        await Camera(bus).raw(jpegs()[0], HEADERS.encode() | wrong)
        await Camera(bus, "lobby").frame(0)
        await until(lambda: len(notes.served) == 2, "both are served")
        await until_async(lambda: no_token_is_left(bus), "the tokens are acknowledged")
    assert dropped("malformed") == before + 1
    assert [event.camera for event in notes.events] == ["lobby"]


async def test_a_token_on_a_strange_subject_is_put_away(bus: Bus, plane: DataPlane) -> None:
    notes = await listen(bus)
    async with working(bus, plane):
        for subject in ("vedette.work.people.gate", "vedette.work.people.a.b.c", "vedette.work.people.PLANT.gate"):
            await bus.publish_confirmed(subject, b"", {})
        await Camera(bus).frame(0)
        await until(lambda: notes.served, "the good one is served")
        await until_async(lambda: no_token_is_left(bus), "the tokens are acknowledged")
    assert notes.outcomes == ["inferred"]


def bomb() -> bytes:
    """A few hundred bytes that say 60,000 x 60,000 pixels."""
    small = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    frame = small.index(b"\xff\xc0")
    small[frame + 5 : frame + 9] = (60_000).to_bytes(2, "big") * 2
    return bytes(small)


@pytest.mark.parametrize(
    "picture", [b"", b"no picture", jpegs()[0][:2000], bomb()], ids=["empty", "text", "cut", "bomb"]
)
async def test_an_undecodable_picture_is_dropped_counted_and_noted(
    bus: Bus, plane: DataPlane, picture: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    notes, before = await listen(bus), dropped("undecodable")
    async with working(bus, plane):
        await Camera(bus).frame(0, picture)
        await Camera(bus, "lobby").frame(0)
        await until(lambda: len(notes.served) == 2, "both are served")
    assert sorted(notes.outcomes) == ["inferred", "undecodable"]
    assert dropped("undecodable") == before + 1
    assert caplog.text.count("undecodable frame") == 1
