import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference import metrics
from inference.dataplane import DataPlane
from inference.errors import BatchFailed, DeviceUnavailable, ModelError, ModelHangs, UndecodableImage
from inference.picture_model import Inference
from inference.runtime import loaded_model
from inference.runtime.batching import DeadlineExceeded, ModelFailed
from inference.runtime.rows import Row, TensorSpec
from inference.runtime.session import ModelSession, open_session
from tests.inference.worker import MODEL, encoded, jpegs, open_plane, pictures
from tests.waiting import until

NOTHING: Row = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), np.array(0))


class Session:
    """Stands in for a model: `run_one` for each image, on demand slow or failing."""

    device = "cpu"
    batched = True
    inputs = (TensorSpec("images", np.dtype(np.uint8), (None, None, 3)),)
    outputs = ()

    def __init__(self, run_one: Callable[[NDArray[np.uint8]], None]) -> None:
        self._run_one = run_one

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[Row]:
        for image in batch[0]:
            self._run_one(image)
        return [NOTHING] * len(batch[0])


async def test_a_picture_gives_detections_in_fractions_of_it_and_where_the_time_went() -> None:
    async with open_plane() as plane:
        found = await plane.infer(jpegs()[0])
    assert {"person"} <= {detection.label for detection in found.detections}
    for detection in found.detections:
        x, y, width, height = detection.bbox
        assert 0 <= x <= x + width <= 1.00002
        assert 0 <= y <= y + height <= 1.00002
    assert found.prepare_s > 0
    assert found.queue_s >= 0
    assert found.infer_s > 0
    assert found.batch_size == 1


async def test_pictures_of_all_shapes_share_the_plane() -> None:
    pillar = encoded(cv2.resize(pictures()[0], (240, 800)))  # type: ignore[arg-type]
    async with open_plane() as plane:
        found = await asyncio.gather(*(plane.infer(picture) for picture in [jpegs()[0], pillar, jpegs()[1]] * 3))
    assert all(inference.detections == found[number % 3].detections for number, inference in enumerate(found))


@pytest.mark.parametrize(
    ("box", "score", "label"),
    [((0, 0, float("nan"), 9), 0.9, 0), ((0, 0, 9, 9), 1.5, 0), ((0, 0, 9, 9), float("nan"), 0), ((0, 0, 9, 9), 1, 80)],
)
async def test_what_can_be_no_detection_is_the_models_failure(
    monkeypatch: pytest.MonkeyPatch, box: tuple[float, ...], score: float, label: int
) -> None:
    found = (np.array([box], np.float32), np.array([score], np.float32), np.array([label]), np.array(1))
    session = Session(lambda _: None)
    monkeypatch.setattr(session, "run", lambda batch: [found] * len(batch[0]))
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: session)
    async with open_plane() as plane:
        with pytest.raises(ModelFailed, match="out of range"):
            await plane.infer(jpegs()[0])


async def test_an_undecodable_picture_never_reaches_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[object] = []
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(runs.append))
    async with open_plane() as plane:
        for damaged in (b"", b"no picture", jpegs()[0][:3000]):
            with pytest.raises(UndecodableImage):
                await plane.infer(damaged)
    assert runs == []


async def test_buffers_are_used_again() -> None:
    async with open_plane() as plane:
        for _ in range(4):
            await asyncio.gather(*(plane.infer(jpegs()[0]) for _ in range(3)))
        assert [len(kept) for kept in plane.stable.pictures._slots.values()] <= [3]


async def test_waiting_for_room_counts_as_queueing_and_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(lambda _: time.sleep(0.05)))
    async with open_plane(sessions=1) as plane:
        burst = plane.capacity + 2
        found = await asyncio.gather(*(plane.infer(jpegs()[0]) for _ in range(burst)))
        assert max(inference.queue_s for inference in found) > 0.05 * plane.capacity / 2
        late = time.monotonic() + 0.1
        answers = await asyncio.gather(
            *(plane.infer(jpegs()[0], late) for _ in range(plane.capacity * 2)), return_exceptions=True
        )
        assert sum(isinstance(answer, DeadlineExceeded) for answer in answers) > plane.capacity
        assert all(isinstance(answer, DeadlineExceeded | Inference) for answer in answers)


async def test_who_waits_for_room_is_not_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    async def one(name: str, plane: DataPlane) -> None:
        await plane.stable.pictures._room(None, "live")
        order.append(name)

    async with open_plane() as plane:
        room = 0
        monkeypatch.setattr(plane.stable.tensors.batcher, "room", lambda lane: room)
        first = asyncio.create_task(one("first", plane))
        await until(lambda: plane.stable.tensors.batcher._waiting["live"], "the first one waits")
        room = 1
        plane.stable.tensors.batcher._announce_room()  # the first one is woken, but has not run yet
        await one("newcomer", plane)
        await first
    assert order == ["first", "newcomer"]


async def test_a_run_that_never_ends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def hang(_: NDArray[np.uint8]) -> None:
        assert gate.wait(60)

    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(hang))
    async with open_plane(sessions=1) as plane:
        plane._hangs_after_s = 2.0
        hung = asyncio.create_task(plane.infer(jpegs()[0]))
        with pytest.raises(ModelHangs, match="coco-detector: a run has not ended in 2 s"):
            await plane.until_hung()
        gate.set()
        await hung


async def test_a_session_that_fails_is_rebuilt_and_the_reason_counted_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened, bad = [], encoded(np.full((480, 640, 3), 255, np.uint8))

    def fails_on_white(image: NDArray[np.uint8]) -> None:
        if image[160, 208].min() > 250:
            raise BatchFailed("white") from MemoryError()

    def opening(*_: object) -> Session:
        opened.append(1)
        return Session(fails_on_white)

    monkeypatch.setattr(loaded_model, "open_session", opening)
    rebuilt = metrics.SESSIONS_REBUILT.labels("coco-detector", "MemoryError")
    before = rebuilt._value.get()
    async with open_plane(sessions=1) as plane:
        with pytest.raises(ModelFailed, match="white"):
            await plane.infer(bad)
        await plane.infer(jpegs()[0])
        assert plane.ready
    assert rebuilt._value.get() == before + 1
    assert "a batch of 1 failed, its session is replaced: BatchFailed: white" in caplog.text
    assert len(opened) == 2


async def test_while_no_session_can_be_opened_the_plane_has_no_capacity_and_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = False

    def fail(_: object) -> None:
        if broken:
            raise BatchFailed("out of memory")

    def opening(*_: object) -> Session:
        if broken:
            raise ModelError("out of memory")
        return Session(fail)

    monkeypatch.setattr(loaded_model, "open_session", opening)
    async with open_plane(sessions=1) as plane:
        broken = True
        with pytest.raises(ModelFailed):
            await plane.infer(jpegs()[0])
        await until(lambda: not plane.ready, "out of service")
        assert plane.capacity == 0
        broken = False
        await until(lambda: plane.ready, "back in service")
        await plane.infer(jpegs()[0])


@pytest.mark.parametrize("sessions", [1, 2])
async def test_start_opens_each_session_once_and_measures_little_where_batches_save_nothing(
    monkeypatch: pytest.MonkeyPatch, sessions: int, caplog: pytest.LogCaptureFixture
) -> None:
    opened: list[ModelSession] = []
    runs: list[int] = []

    def opening(*arguments: object) -> Session:
        opened.append(open_session(*arguments))  # type: ignore[arg-type]
        return Session(lambda image: runs.append(image.size))

    caplog.set_level(logging.INFO, "inference.runtime.loaded_model")
    monkeypatch.setattr(loaded_model, "open_session", opening)
    monkeypatch.setattr("inference.runtime.session_runner._saves", lambda *_: False)
    plane = DataPlane(MODEL, "cpu", sessions, threads=1, decoders=1)
    ready = [plane.ready]
    await plane.start()
    ready.append(plane.ready)
    await plane.close(grace_s=1)
    assert [*ready, plane.ready] == [False, True, False]
    assert len(opened) == sessions
    assert len(runs) <= sessions * 2 * 3 * 4  # shapes, images of a round, rounds
    assert caplog.text.count("coco-detector 1.0.0 runs on the cpu") == 1


async def test_a_file_that_is_not_the_cards_is_refused_with_the_reason() -> None:
    plane = DataPlane(replace(MODEL, digest="sha256:" + "0" * 64), "cpu", 2, threads=1, decoders=1)
    with pytest.raises(ModelError, match="its digest is sha256:fb123fe4"):
        await plane.start()
    await plane.close(grace_s=0)


async def test_a_device_that_is_not_there_is_refused_with_the_reason() -> None:
    plane = DataPlane(MODEL, "cuda", 2, threads=1, decoders=1)
    with pytest.raises(DeviceUnavailable, match="device cuda"):
        await plane.start()
    await plane.close(grace_s=0)


async def test_a_model_that_fails_while_it_is_measured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise BatchFailed("no kernel")

    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(fail))
    plane = DataPlane(MODEL, "cpu", 2, threads=1, decoders=1)
    with pytest.raises(ModelFailed, match="no kernel"):
        await plane.start()
    await plane.close(grace_s=0)


async def test_a_start_that_is_cancelled_ends_with_the_run_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def slow(image: NDArray[np.uint8]) -> None:
        runs.append(1)
        time.sleep(0.1)

    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(slow))
    plane = DataPlane(MODEL, "cpu", 1, threads=1, decoders=1)
    starting = asyncio.create_task(plane.start())
    await until(lambda: runs, "measuring")
    starting.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await plane.close(grace_s=0)
    assert time.monotonic() - started < 20
    assert len(runs) <= 3
