"""The batcher as it runs: who shares a batch, its bounds and deadlines, and callers that vanish."""

import asyncio
import contextlib
import gc
import random
import time
import weakref
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.detected import detected
from inference.repository.folder import Repository
from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batcher import Batcher
from inference.runtime.batching import BatcherClosed, BatcherFull, DeadlineExceeded
from inference.runtime.rows import Row
from inference.runtime.session import ModelSession, open_session
from tests.inference.runtime.held_model import (
    OTHER_SHAPE,
    POLICY,
    Model,
    Notes,
    image,
    one_by_one,
    running_and_queued,
    started,
    until,
)

ROOT = Path(__file__).resolve().parents[3]
MODELS, MEDIA = ROOT / "models", ROOT / "media"


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


async def test_a_batcher_that_was_not_started_refuses_images() -> None:
    with pytest.raises(BatcherClosed, match="not been started"):
        await Batcher(Model().open_session, sessions=1, policy=POLICY).submit(image(1))


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


async def test_an_image_past_its_deadline_is_freed_at_once_not_by_the_garbage_collector() -> None:
    model = Model()

    async def submitted(batcher: Batcher[int], deadline: float) -> "weakref.ref[NDArray[Any]]":
        row = image(2)
        with contextlib.suppress(DeadlineExceeded):
            await batcher.submit(row, deadline=deadline)
        return weakref.ref(row[0])

    gc.disable()
    try:
        async with started(model) as batcher:
            first, rest = await running_and_queued(batcher, model, 1)
            deadline = time.monotonic() + 0.001
            late = asyncio.create_task(submitted(batcher, deadline))
            await until(lambda: time.monotonic() > deadline)
            model.gate.let()
            freed = await late
            await asyncio.gather(first, *rest)
            await until(lambda: freed() is None)
    finally:
        gc.enable()


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
    await batcher.close(grace_s=60)
    assert {answer.batch_size for answer in answers} != {1}
    for scene, answer in zip(scenes, answers, strict=True):
        (row,) = await asyncio.to_thread(alone.run, [scene[0][np.newaxis]])
        found, expected = detected(answer.result), detected(row)
        assert len(expected.scores) > 0
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.1)
        np.testing.assert_array_equal(found.labels, expected.labels)
