"""Pictures that the session decodes which runs them: where sessions leave no core to others."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference import picture_model
from inference.dataplane import DataPlane
from inference.errors import UndecodableImage
from inference.guard.inspection import Inspection
from inference.picture_model import Inference
from inference.runtime import loaded_model
from inference.runtime.batcher import Batcher
from inference.runtime.batching import DeadlineExceeded
from inference.runtime.loaded_model import LoadedModel
from inference.runtime.rows import Row
from tests.inference.test_dataplane import Session
from tests.inference.worker import MODEL, encoded, jpegs, open_plane, pictures
from tests.waiting import until
from vedette.guard_settings import Guard


@pytest.fixture
def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoadedModel, "wants_late_rows", True)


class HeldSession(Session):
    """Its runs wait until they are let go."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.go_on = threading.Event()
        self.runs = 0

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[Row]:
        self.runs += 1
        assert self.go_on.wait(60)
        return super().run(batch)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> HeldSession:
    session = HeldSession()
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: session)
    return session


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads in which JPEGs were decoded, in order."""
    threads: list[str] = []

    def fill(*args: Any) -> None:
        threads.append(threading.current_thread().name)
        filled(*args)

    filled = picture_model.fill
    monkeypatch.setattr(picture_model, "fill", fill)
    return threads


@pytest.mark.parametrize(
    ("threads", "sessions", "one_by_one", "is_wanted"),
    [(1, 2, True, True), (1, 3, True, True), (1, 1, True, False), (2, 2, True, False), (1, 2, False, False)],
)
async def test_sessions_decode_only_where_they_fill_the_machine_and_batches_gain_nothing(
    monkeypatch: pytest.MonkeyPatch, threads: int, sessions: int, one_by_one: bool, is_wanted: bool
) -> None:
    monkeypatch.setattr(loaded_model, "usable_cores", lambda: 2.0)
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(lambda _: None))
    monkeypatch.setattr(Batcher, "one_by_one", one_by_one)
    plane = DataPlane(MODEL, "cpu", sessions, threads, decoders=1)
    await plane.start()
    assert plane.stable.tensors.wants_late_rows is is_wanted
    await plane.close(grace_s=1)


@pytest.mark.parametrize("lane", ["live", "request"])
async def test_late_pictures_give_what_others_give(
    monkeypatch: pytest.MonkeyPatch, decoded: list[str], lane: Any
) -> None:
    async with open_plane() as plane:
        early = [await plane.infer(picture, lane=lane) for picture in jpegs()[:3]]
        monkeypatch.setattr(LoadedModel, "wants_late_rows", True)
        late = await asyncio.gather(*(plane.infer(picture, lane=lane) for picture in jpegs()[:3] * 2))
    assert [one.detections for one in late] == [one.detections for one in early] * 2
    assert [one.size for one in late] == [one.size for one in early] * 2
    assert not any(one.decoded_late for one in early)
    assert all(one.decoded_late and one.prepare_s > 0 for one in late)
    assert all(name.startswith("decode") for name in decoded[:3])
    assert [name.startswith("session") for name in decoded[3:]] == [True] * 6


@pytest.mark.usefixtures("_late")
async def test_a_picture_that_can_not_be_decoded_fails_alone() -> None:
    cut_off = jpegs()[0][:-3000]
    async with open_plane() as plane:
        given = [jpegs()[0], cut_off, jpegs()[1], b"\xff\xd8\xff", cut_off, jpegs()[0]]
        found = await asyncio.gather(*(plane.infer(one, lane="request") for one in given), return_exceptions=True)
        assert [isinstance(one, UndecodableImage) for one in found] == [False, True, False, True, True, False]
        assert [isinstance(one, Inference) for one in found] == [True, False, True, False, False, True]
        assert (await plane.infer(jpegs()[0])).detections


@pytest.mark.usefixtures("_late")
async def test_who_has_gone_or_is_too_late_is_not_decoded(held: HeldSession, decoded: list[str]) -> None:
    async with open_plane(sessions=1) as plane:
        running = asyncio.create_task(plane.infer(jpegs()[0], lane="request"))
        await until(lambda: held.runs == 1, "the session is busy")
        gone = asyncio.create_task(plane.infer(jpegs()[1], lane="request"))
        late = asyncio.create_task(plane.infer(jpegs()[1], time.monotonic() + 0.05, lane="complete"))
        await until(lambda: plane.stable.tensors.batcher.room("request") == 510, "they wait")
        gone.cancel()
        await asyncio.sleep(0.1)
        held.go_on.set()
        assert not (await running).detections
        with pytest.raises(DeadlineExceeded):
            await late
        await plane.infer(jpegs()[2])
    assert len(decoded) == 2


@pytest.mark.usefixtures("_late")
async def test_a_failing_session_s_pictures_are_decoded_once(
    monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    failures = iter([RuntimeError("broken")])

    def broken_once(_: object) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(broken_once))
    async with open_plane(sessions=1) as plane:
        assert (await plane.infer(jpegs()[0])).decoded_late
    assert len(decoded) == 1


@pytest.mark.usefixtures("_late")
async def test_large_turned_and_inspected_pictures_are_decoded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(lambda _: None))
    large = encoded(cv2.resize(pictures()[0], (2048, 1536)))  # type: ignore[arg-type]
    lossless = cv2.imencode(".png", pictures()[0])[1].tobytes()
    async with open_plane() as plane:
        assert not (await plane.infer(large, lane="request")).decoded_late
        assert not (await plane.infer(lossless, lane="request")).decoded_late
        inspected = await plane.infer(jpegs()[0], inspection=Inspection(Guard()))
        assert not inspected.decoded_late
        assert inspected.verdict is not None


@pytest.mark.usefixtures("_late")
async def test_what_waits_holds_no_slot_and_slots_are_used_again(held: HeldSession) -> None:
    async with open_plane(sessions=1) as plane:
        asking = [asyncio.create_task(plane.infer(jpegs()[0], lane="request")) for _ in range(20)]
        await until(lambda: held.runs == 1, "the session is busy")
        slots: list[NDArray[np.uint8]] = []
        slot_of = plane.stable.pictures._slot

        def slot(*args: Any) -> NDArray[np.uint8]:
            slots.append(slot_of(*args))
            return slots[-1]

        plane.stable.pictures._slot = slot  # type: ignore[method-assign]
        await until(lambda: plane.stable.tensors.batcher.room("request") == 492, "the others wait")
        assert slots == []
        held.go_on.set()
        await asyncio.gather(*asking)
    assert len(slots) == 19
    assert len({id(one) for one in slots}) < 19
