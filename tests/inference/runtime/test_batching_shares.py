"""No lane starves another, whatever comes: the queue under any load, and the batcher under floods."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.runtime.batch_policy import BatchCosts, BatchPolicy, CostCurve
from inference.runtime.batcher import Batcher
from inference.runtime.batching import WEIGHTS, BatchQueue, Item, Lane
from inference.runtime.request import Inferred
from tests.inference.runtime.held_model import Gate
from tests.waiting import until

SHAPES = ((192, 320, 3), (640, 640, 3), (32, 32, 3))
LANES: tuple[Lane, ...] = ("live", "request", "complete")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    busy=st.sets(st.sampled_from(LANES), min_size=1),
    max_batch=st.sampled_from([1, 4, 16]),
    gain=st.floats(0, 1),
    padded=st.booleans(),
    shapes=st.integers(1, 3),
)
def test_lanes_that_always_have_work_share_by_weight_whatever_shapes_deadlines_and_discards(
    seed: int, busy: set[Lane], max_batch: int, gain: float, padded: bool, shapes: int
) -> None:
    """Off by no more than the batch that each lane may be ahead or behind."""
    chance, costs, policy = random.Random(seed), BatchCosts(), BatchPolicy(max_batch, 0.005)
    for shape in SHAPES[:shapes]:
        costs.seed(shape, CostCurve({size: gain + (1 - gain) * size for size in policy.sizes}, padded))
    queue: BatchQueue[Item] = BatchQueue(policy, costs)
    waiting: dict[Lane, list[Item]] = {lane: [] for lane in busy}
    served: Counter[Lane] = Counter()
    now = 0.0
    while served.total() < 600:
        now += 0.01
        for lane, items in waiting.items():
            while len(items) < 40:
                shape = chance.choice(SHAPES[:shapes])
                deadline = now + chance.uniform(100, 200) if chance.random() < 0.5 else None
                items.append(
                    Item(shape=shape, enqueued=now, deadline=deadline, lane=lane, priority=chance.randrange(2))
                )
                queue.add(items[-1])
            queue.discard(items.pop(chance.randrange(len(items))))
        batch = queue.take(chance.randint(1, 3), now + 1)
        assert isinstance(batch, list)
        assert len({item.shape for item in batch}) == 1
        for item in batch:
            waiting[item.lane].remove(item)
            served[item.lane] += 1
    weight = sum(WEIGHTS[lane] for lane in busy)
    for lane in busy:
        assert abs(served[lane] - served.total() * WEIGHTS[lane] / weight) <= 2 * max_batch + 1


class Looked(Item):
    """An item that counts how often it is looked at."""

    count = 0

    def __getattribute__(self, name: str) -> Any:
        Looked.count += 1
        return super().__getattribute__(name)


def test_a_batch_costs_the_same_however_many_wait() -> None:
    def looks_at(waiting: int) -> float:
        costs, policy = BatchCosts(), BatchPolicy(8, 0.005)
        costs.seed(SHAPES[0], CostCurve({size: float(size) for size in policy.sizes}))
        queue: BatchQueue[Looked] = BatchQueue(policy, costs)
        for number in range(waiting):
            queue.add(Looked(shape=SHAPES[0], enqueued=0.0, deadline=100.0 + number, lane=LANES[number % 3]))
        Looked.count = 0
        for _ in range(10):
            assert not queue.expire(1.0)
            assert isinstance(queue.take(1, 1.0), list)
        return Looked.count

    assert looks_at(1000) <= looks_at(20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.one_of(st.none(), st.floats(1, 9))), min_size=1, max_size=40))
def test_requests_go_by_priority_then_deadline_then_arrival(rows: list[tuple[int, float | None]]) -> None:
    queue: BatchQueue[Item] = BatchQueue(BatchPolicy(1, 0), BatchCosts())
    items = [
        Item(shape=SHAPES[0], enqueued=0.0, deadline=deadline, lane="request", priority=priority)
        for priority, deadline in rows
    ]
    for item in items:
        queue.add(item)
    order = [queue.take(1, 0.0) for _ in items]
    wanted = sorted(items, key=lambda item: (item.priority, item.deadline or float("inf"), items.index(item)))
    assert order == [[item] for item in wanted]


class Numbered:
    """A model whose result for a row is its number; each run waits for the gate."""

    batched = True

    def __init__(self) -> None:
        self.gate = Gate()
        self.ran: list[int] = []

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[int]:
        numbers = [int(row[0]) for row in batch[0]]
        self.ran += numbers
        self.gate.pass_one()
        return numbers


@asynccontextmanager
async def gated(max_batch: int) -> AsyncIterator[tuple[Numbered, Batcher[int]]]:
    model = Numbered()
    batcher = Batcher(lambda: model, sessions=1, policy=BatchPolicy(max_batch, 0))
    await batcher.start()
    model.gate.hold()
    try:
        yield model, batcher
    finally:
        model.gate.let()
        await batcher.close(grace_s=20)


def row(number: int) -> tuple[NDArray[np.int64]]:
    return (np.array([number]),)


LIVE, REQUEST = 0, 1


@pytest.mark.parametrize(("flood", "steady"), [("request", "live"), ("live", "request")])
async def test_a_flood_of_one_kind_leaves_the_other_its_share(flood: Lane, steady: Lane) -> None:
    """Of the flood there is always as much as the lane takes; of the other two rows, each sent again when answered."""
    async with gated(max_batch=1) as (model, batcher):
        numbers = {"live": LIVE, "request": REQUEST}
        stop = asyncio.Event()
        sent: Counter[str] = Counter()

        async def again(lane: Lane) -> None:
            while not stop.is_set():
                sent[lane] += 1
                await batcher.submit(row(numbers[lane]), lane=lane)

        def moved_on(served: int) -> bool:
            return len(model.ran) > start + served and sent.total() > flooding + 2 + served

        flooding = batcher.room(flood) if flood == "live" else 200
        async with asyncio.TaskGroup() as callers:
            for lane, count in ((flood, flooding), (steady, 2)):
                for _ in range(count):
                    callers.create_task(again(lane))
            await until(lambda: sent.total() == flooding + 2, "all have sent")
            await until(lambda: len(model.ran) == 1, "the first runs")
            start = len(model.ran)
            for served in range(100):
                model.gate.let(1)
                await until(partial(moved_on, served), "the next runs")
            ran = Counter(model.ran[start : start + 100])
            stop.set()
            model.gate.let()
    assert ran[LIVE] == pytest.approx(60, abs=3)
    assert ran[REQUEST] == pytest.approx(40, abs=3)


async def test_callers_that_leave_a_flood_leave_the_queue_to_the_others() -> None:
    async with gated(max_batch=4) as (model, batcher):
        first = asyncio.create_task(batcher.submit(row(0), lane="live"))
        await until(lambda: model.ran == [0], "the first runs")
        leaving = [asyncio.create_task(batcher.submit(row(1), lane="request")) for _ in range(300)]
        staying = [asyncio.create_task(batcher.submit(row(2), lane="request")) for _ in range(8)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        model.gate.let()
        answers: list[Inferred[int]] = await asyncio.gather(first, *staying)
    assert [answer.result for answer in answers] == [0] + [2] * 8
    assert 1 not in model.ran
