"""The batcher as it runs: real threads and a real loop, in front of a model whose runs the test controls."""

import asyncio
import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.detected import detected
from inference.repository.folder import Repository
from inference.runtime.batch_policy import BatchCosts, BatchPolicy
from inference.runtime.batcher import Batcher
from inference.runtime.batching import BatcherClosed, BatcherFull, DeadlineExceeded, ModelFailed, RowRefused
from inference.runtime.request import Inferred
from inference.runtime.rows import Row
from inference.runtime.session import ModelSession, open_session
from inference.runtime.session_pool import Observer
from vedette.retry import Backoff

SHAPE = (4, 4, 3)
OTHER_SHAPE = (8, 4, 3)
POLICY = BatchPolicy(max_batch=8, max_delay_s=0.02)
SOON = Backoff(first_s=0.001, cap_s=0.005)
BAD, MISSHAPEN = 666_666, 777_777
ROOT = Path(__file__).resolve().parents[3]
MODELS, MEDIA = ROOT / "models", ROOT / "media"


def image(number: int, shape: tuple[int, ...] = SHAPE) -> Row:
    """An image by which its result is known again."""
    pixels = np.zeros(shape, np.uint8)
    pixels.reshape(-1)[:4] = np.frombuffer(np.uint32(number).tobytes(), np.uint8)
    return (pixels,)


def number_of(pixels: NDArray[np.uint8]) -> int:
    return int(np.frombuffer(pixels.reshape(-1)[:4].tobytes(), np.uint32)[0])


class Gate:
    """Lets runs go on, all or so many."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._permits = math.inf

    def hold(self) -> None:
        self._permits = 0

    def let(self, runs: float = math.inf) -> None:
        with self._changed:
            self._permits += runs
            self._changed.notify_all()

    def pass_one(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._permits > 0, timeout=60)
            self._permits -= 1


class Model:
    """Opens sessions whose result for an image is its number. Each run waits for `gate`."""

    batched = True

    def __init__(self) -> None:
        self.gate = Gate()
        self.started: list[list[int]] = []
        self.threads: set[str] = set()
        self.opened = 0
        self.open_error: Exception | None = None
        self.broken = False
        self.cost: Callable[[int], float] | None = None
        self.now = 0.0
        self.results_of: Callable[[list[int]], Sequence[int]] = list

    def open_session(self) -> "Model":
        if self.open_error is not None:
            raise self.open_error
        self.opened += 1
        self.broken = False
        return self

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[int]:
        numbers = [number_of(pixels) for pixels in batch[0]]
        self.threads.add(threading.current_thread().name)
        self.started.append(numbers)
        self.gate.pass_one()
        if self.cost is not None:
            self.now += self.cost(len(numbers))
            time.sleep(self.cost(len(numbers)))
        if self.broken or BAD in numbers:
            raise RuntimeError("no such luck")
        if MISSHAPEN in numbers:
            raise ValueError("no such shape")
        return self.results_of(numbers)


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[float], float]] = []
        self.rebuilds: list[Exception] = []
        self.padding = 0

    def on_batch(self, size: int, queue_s: Sequence[float], infer_s: float, protocols: Collection[str]) -> None:
        self.batches.append((size, list(queue_s), infer_s))

    def on_padding(self, rows: int) -> None:
        self.padding += rows

    def on_rebuild(self, error: Exception) -> None:
        self.rebuilds.append(error)


def no_session_thread_is_left() -> bool:
    return not any(thread.name.startswith("session-") for thread in threading.enumerate())


@asynccontextmanager
async def started(
    model: Model,
    sessions: int = 1,
    policy: BatchPolicy = POLICY,
    backoff: Backoff = SOON,
    observer: Observer | None = None,
    warm_up: Sequence[tuple[int, ...]] = (),
) -> AsyncIterator[Batcher[int]]:
    batcher = Batcher(model.open_session, sessions=sessions, policy=policy, backoff=backoff, observer=observer)
    await batcher.start(lambda: [(np.zeros(shape, np.uint8),) for shape in warm_up])
    try:
        yield batcher
    finally:
        model.gate.let()
        await batcher.close(grace_s=5)
    await until(no_session_thread_is_left)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def submitted(batcher: Batcher[int], *numbers: int) -> list[asyncio.Task[Inferred[int]]]:
    return [asyncio.create_task(batcher.submit(image(number))) for number in numbers]


async def run_number(model: Model, number: int) -> None:
    await until(lambda: len(model.started) == number)


async def one_by_one(batcher: Batcher[int], model: Model, *numbers: int) -> list[asyncio.Task[Inferred[int]]]:
    """Each image in a session of its own, held at the gate."""
    model.gate.hold()
    tasks: list[asyncio.Task[Inferred[int]]] = []
    for number in numbers:
        tasks += submitted(batcher, number)
        await run_number(model, len(tasks))
    return tasks


async def running_and_queued(
    batcher: Batcher[int], model: Model, *numbers: int
) -> tuple[asyncio.Task[Inferred[int]], list[asyncio.Task[Inferred[int]]]]:
    """Image 0 in the only session, held at the gate; the others wait, and will be one batch."""
    model.gate.hold()
    runs_before = len(model.started)
    (first,) = submitted(batcher, 0)
    await run_number(model, runs_before + 1)
    rest = submitted(batcher, *numbers)
    await asyncio.sleep(0)
    return first, rest


async def test_every_caller_gets_its_own_result_and_where_its_time_went() -> None:
    model, notes = Model(), Notes()
    async with started(model, observer=notes) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2, 3)
        model.gate.let()
        assert (await first).batch_size == 1
        answers = await asyncio.gather(*rest)
    assert [answer.result for answer in answers] == [1, 2, 3]
    assert {answer.batch_size for answer in answers} == {3}
    assert all(answer.queue_s > 0 and answer.infer_s > 0 for answer in answers)
    assert [size for size, _, _ in notes.batches] == [1, 3]
    assert notes.batches[1][1:] == ([answer.queue_s for answer in answers], answers[0].infer_s)


async def test_a_thousand_callers_are_all_answered_within_the_bound() -> None:
    model = Model()
    async with started(model, sessions=3) as batcher:

        async def caller(number: int) -> int:
            await batcher.wait_for_room()
            return (await batcher.submit(image(number))).result

        answers = asyncio.gather(*map(caller, range(1000)))
        fullest = 0
        while not answers.done():
            fullest = max(fullest, batcher.capacity - batcher.room())
            await asyncio.sleep(0)
        assert await answers == list(range(1000))
        assert fullest == batcher.capacity == 3 * POLICY.max_batch * 2
    assert sorted(number for batch in model.started for number in batch) == list(range(1000))


async def test_only_images_of_one_shape_share_a_batch() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2)
        others = [asyncio.create_task(batcher.submit(image(number, OTHER_SHAPE))) for number in (3, 4)]
        await asyncio.sleep(0)
        model.gate.let()
        await asyncio.gather(first, *rest, *others)
    assert model.started == [[0], [1, 2], [3, 4]]


async def test_images_that_are_no_slices_in_memory_are_put_together_right() -> None:
    model = Model()
    async with started(model) as batcher:
        turned = np.asfortranarray(image(7)[0])
        assert (await batcher.submit((turned,))).result == 7


async def test_sessions_run_side_by_side_in_threads_of_their_own() -> None:
    model = Model()
    async with started(model, sessions=2) as batcher:
        calls = await one_by_one(batcher, model, 1, 2)
        model.gate.let()
        await asyncio.gather(*calls)
    assert model.threads == {"session-0", "session-1"}


# Warm-up


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model whose warm-up is timed by what its runs are said to cost, however busy this machine is."""
    model = Model()
    monkeypatch.setattr("inference.runtime.session_runner.time", SimpleNamespace(monotonic=lambda: model.now))
    return model


async def test_warm_up_learns_that_flat_costs_are_not_worth_a_wait(measured: Model) -> None:
    measured.cost = lambda size: 0.003 * size
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=30), warm_up=[SHAPE]) as batcher:
        assert {1, 2} <= {len(batch) for batch in measured.started}
        assert batcher.capacity == 2
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*submitted(batcher, 1, 2))
        assert [answer.batch_size for answer in answers] == [1, 1]


async def test_warm_up_learns_that_a_batch_is_worth_a_wait(measured: Model) -> None:
    measured.cost = lambda _: 0.003
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=30), warm_up=[SHAPE]) as batcher:
        assert batcher.capacity == 8
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*submitted(batcher, 1, 2, 3, 4))
        assert [answer.batch_size for answer in answers] == [4, 4, 4, 4]


async def test_a_batch_that_nobody_joins_does_not_wait_for_long(measured: Model) -> None:
    measured.cost = lambda _: 0.003
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=0.2), warm_up=[SHAPE]) as batcher:
        answer = await batcher.submit(image(1))
        assert answer.batch_size == 1
        assert answer.queue_s >= 0.2 / 4


async def test_a_model_that_cannot_be_opened_fails_the_start() -> None:
    model = Model()
    model.open_error = OSError("no such file")
    batcher = Batcher(model.open_session, sessions=2, policy=POLICY)
    with pytest.raises(ModelFailed, match="no such file"):
        await batcher.start()
    with pytest.raises(BatcherClosed):
        await batcher.submit(image(1))


async def test_a_batcher_that_was_not_started_refuses_images() -> None:
    with pytest.raises(BatcherClosed, match="not been started"):
        await Batcher(Model().open_session, sessions=1, policy=POLICY).submit(image(1))


# Bounds and deadlines


async def test_a_full_lane_refuses_at_once_and_leaves_the_other_its_room() -> None:
    model = Model()
    async with started(model, policy=BatchPolicy(max_batch=1, max_delay_s=0)) as batcher:
        first, rest = await running_and_queued(batcher, model, 1)
        assert batcher.room("live") == 0
        with pytest.raises(BatcherFull):
            await batcher.submit(image(2))
        other = asyncio.create_task(batcher.submit(image(3), lane="complete"))
        model.gate.let()
        assert (await other).result == 3
        await asyncio.gather(first, *rest)


async def test_room_is_announced_to_those_who_wait_for_it_in_their_order() -> None:
    model = Model()
    async with started(model, policy=BatchPolicy(max_batch=1, max_delay_s=0)) as batcher:
        first, rest = await running_and_queued(batcher, model, 1)
        order: list[int] = []

        async def wait(number: int) -> None:
            assert await batcher.wait_for_room() > 0
            order.append(number)
            await batcher.submit(image(number))

        waiting = [asyncio.create_task(wait(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        assert order == []
        model.gate.let()
        await asyncio.gather(first, *rest, *waiting)
        assert order == [2, 3, 4]


async def test_an_image_past_its_deadline_is_not_run() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1)
        deadline = time.monotonic() + 0.001
        late = asyncio.create_task(batcher.submit(image(2), deadline=deadline))
        await until(lambda: time.monotonic() > deadline)
        model.gate.let()
        with pytest.raises(DeadlineExceeded):
            await late
        await asyncio.gather(first, *rest)
    assert model.started == [[0], [1]]


# Waiters that vanish


async def test_cancelled_waiter_does_not_poison_its_batch() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2, 3)
        model.gate.let(1)
        await until(lambda: model.started == [[0], [1, 2, 3]])
        rest[1].cancel()
        await asyncio.wait([rest[1]])
        model.gate.let()
        assert [(await task).result for task in (first, rest[0], rest[2])] == [0, 1, 3]
        assert batcher.room() == batcher.capacity


async def test_cancelled_image_that_still_waits_is_not_run_and_leaves_its_room() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2, 3)
        rest[1].cancel()
        await asyncio.wait([rest[1]])
        assert batcher.room() == batcher.capacity - 3
        model.gate.let()
        assert [(await task).result for task in (first, rest[0], rest[2])] == [0, 1, 3]
    assert model.started == [[0], [1, 3]]


async def test_callers_that_come_and_go_at_random_leave_nobody_behind() -> None:
    model = Model()
    model.cost = lambda size: 0.0002 * size
    chance = random.Random(7)
    async with started(model, sessions=2) as batcher:

        async def caller(number: int) -> int:
            await batcher.wait_for_room()
            return (await batcher.submit(image(number))).result

        async def impatient(number: int) -> int | None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.choice([0, 0.001, 0.005, 60])):
                    return await caller(number)
            return None

        async with asyncio.timeout(90):
            answers = await asyncio.gather(*map(impatient, range(500)))
        assert all(answer in (None, number) for number, answer in enumerate(answers))
        assert sum(answer is not None for answer in answers) > 100
        assert batcher.room() == batcher.capacity


# Models that fail


async def test_one_bad_image_fails_alone_and_its_session_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    model, notes = Model(), Notes()
    async with started(model, observer=notes) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, BAD, 3)
        model.gate.let()
        with pytest.raises(ModelFailed, match="no such luck"):
            await rest[1]
        assert [(await task).result for task in (first, rest[0], rest[2])] == [0, 1, 3]
    assert model.started == [[0], [1, BAD, 3], [1], [BAD], [3]]
    assert model.opened == 2
    assert [repr(error) for error in notes.rebuilds] == ["RuntimeError('no such luck')"]
    assert len(caplog.records) == 1


async def test_a_refused_image_costs_neither_its_batch_mates_nor_the_session() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, MISSHAPEN)
        model.gate.let()
        with pytest.raises(RowRefused, match="no such shape"):
            await rest[1]
        assert [(await task).result for task in (first, rest[0])] == [0, 1]
        assert model.opened == 1


async def test_a_broken_session_costs_no_image() -> None:
    model = Model()
    async with started(model) as batcher:
        model.broken = True
        assert (await batcher.submit(image(1))).result == 1
        assert model.opened == 2


async def test_a_caller_that_left_is_not_run_again_after_a_failure() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, BAD)
        model.gate.let(1)
        await run_number(model, 2)
        rest[1].cancel()
        await asyncio.wait([rest[1]])
        model.gate.let()
        assert [(await task).result for task in (first, rest[0])] == [0, 1]
    assert model.started == [[0], [1, BAD], [1]]


async def test_too_few_results_are_a_failure_and_never_somebody_elses_result() -> None:
    model = Model()
    model.results_of = lambda numbers: numbers[:1]
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2)
        model.gate.let()
        assert [(await task).result for task in (first, *rest)] == [0, 1, 2]
    assert model.started == [[0], [1, 2], [1], [2]]


async def test_while_one_session_cannot_be_opened_the_others_go_on() -> None:
    model = Model()
    async with started(model, sessions=2, backoff=Backoff(first_s=600, cap_s=600)) as batcher:
        model.open_error = OSError("out of memory")
        with pytest.raises(ModelFailed, match="no such luck"):
            await batcher.submit(image(BAD))
        await until(lambda: batcher.in_service == 1)
        assert batcher.capacity == POLICY.max_batch * 2
        assert [(await batcher.submit(image(number))).result for number in range(20)] == list(range(20))


async def test_a_session_comes_back_when_it_can_be_opened() -> None:
    model = Model()
    async with started(model, sessions=2) as batcher:
        model.open_error = OSError("out of memory")
        with pytest.raises(ModelFailed, match="no such luck"):
            await batcher.submit(image(BAD))
        await until(lambda: batcher.in_service == 1)
        model.open_error = None
        await until(lambda: batcher.in_service == 2)
        assert batcher.capacity == POLICY.max_batch * 4


async def test_with_no_session_left_everybody_is_failed_at_once_until_one_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = Model()
    async with started(model) as batcher:
        model.gate.hold()
        bad = asyncio.create_task(batcher.submit(image(BAD)))
        await run_number(model, 1)
        queued = submitted(batcher, 1, 2)
        await asyncio.sleep(0)
        model.open_error = OSError("out of memory")
        model.gate.let()
        for task in (bad, *queued):
            with pytest.raises(ModelFailed):
                await task
        assert batcher.in_service == batcher.room() == 0
        with pytest.raises(ModelFailed, match="no session is in service"):
            await batcher.submit(image(3))
        waiting = asyncio.create_task(batcher.wait_for_room())
        model.open_error = None
        assert await waiting == batcher.capacity
        assert (await batcher.submit(image(4))).result == 4
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 2


# The end


async def test_close_runs_what_is_here_and_takes_nothing_in() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2)
        closing = asyncio.create_task(batcher.close(grace_s=5))
        await asyncio.sleep(0)
        with pytest.raises(BatcherClosed):
            await batcher.submit(image(3))
        with pytest.raises(BatcherClosed):
            await batcher.wait_for_room()
        model.gate.let()
        await closing
        assert [(await task).result for task in (first, *rest)] == [0, 1, 2]


async def test_close_does_not_wait_for_batches_to_grow(measured: Model) -> None:
    measured.cost = lambda _: 0.003
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=600), warm_up=[SHAPE]) as batcher:
        (alone,) = submitted(batcher, 1)
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await batcher.close(grace_s=30)
        assert (await alone).result == 1


async def test_what_was_not_run_within_the_grace_is_failed() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1)
        closing = asyncio.create_task(batcher.close(grace_s=0.01))
        for task in (first, *rest):
            with pytest.raises(BatcherClosed):
                await task
        model.gate.let()
        await closing
    assert model.started == [[0]]


async def test_a_run_is_under_way_until_it_has_ended_however_it_ends() -> None:
    model = Model()
    async with started(model) as batcher:
        assert not batcher.runs
        first, rest = await running_and_queued(batcher, model, BAD)
        (run,) = batcher.runs
        model.gate.let()
        await first
        with pytest.raises(ModelFailed):
            await rest[0]
        await until(lambda: not batcher.runs)
        await batcher.submit(image(1))
        assert run == 1


async def test_a_session_that_hangs_does_not_hang_close(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("inference.runtime.batcher.LINGER_S", 0.01)
    model = Model()
    async with started(model) as batcher:
        first, _ = await running_and_queued(batcher, model)
        await batcher.close(grace_s=0.01)
        with pytest.raises(BatcherClosed):
            await first
        assert "left behind" in caplog.text
        model.gate.let()
        await until(no_session_thread_is_left)


async def test_if_the_batcher_dies_every_caller_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    async with started(model, sessions=2) as batcher:
        running = await one_by_one(batcher, model, 1, 2)
        queued = submitted(batcher, 3, 4)
        room = asyncio.create_task(batcher.wait_for_room())
        await asyncio.sleep(0)

        def bug(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(BatchCosts, "observe", bug)
        model.gate.let(1)
        failed = 0
        async with asyncio.timeout(5):
            for task in (*running, *queued):
                try:
                    await task
                except BatcherClosed as error:
                    assert "ZeroDivisionError" in str(error)
                    failed += 1
        assert failed == 3, "the batch that ran was delivered"
        await asyncio.wait([room])
        with pytest.raises(BatcherClosed, match="died"):
            await batcher.submit(image(5))
        assert batcher.in_service == 0


# A real model


def street_scenes(count: int) -> list[Row]:
    with av.open(MEDIA / "pedestrians.mp4") as video:
        frames = islice(video.decode(video=0), 0, 40 * count, 40)
        return [(np.asarray(frame.to_ndarray(format="rgb24", width=320, height=192), np.uint8),) for frame in frames]


def a_detector() -> ModelSession:
    return open_session(Repository(MODELS).resolve("coco-detector"), "cpu")


async def test_a_real_detector_finds_through_the_batcher_what_it_finds_alone() -> None:
    scenes = await asyncio.to_thread(street_scenes, 6)
    alone = await asyncio.to_thread(a_detector)
    batcher: Batcher[Row] = Batcher(a_detector, sessions=2, policy=POLICY)
    await batcher.start()
    answers = await asyncio.gather(*map(batcher.submit, scenes))
    await batcher.close(grace_s=5)
    assert {answer.batch_size for answer in answers} != {1}
    for scene, answer in zip(scenes, answers, strict=True):
        (row,) = await asyncio.to_thread(alone.run, [scene[0][np.newaxis]])
        found, expected = detected(answer.result), detected(row)
        assert len(expected.scores) > 0
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.1)
        np.testing.assert_array_equal(found.labels, expected.labels)
