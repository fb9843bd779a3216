"""What the batcher learns of a model's costs when it warms up, and how long it then waits."""

import asyncio
from types import SimpleNamespace

import pytest

from inference.runtime.batch_policy import BatchPolicy
from tests.inference.runtime.held_model import SHAPE, Model, image, started, submitted


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
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*submitted(batcher, 1, 2))
        assert [answer.batch_size for answer in answers] == [1, 1]


async def test_warm_up_learns_that_a_batch_is_worth_a_wait(measured: Model) -> None:
    measured.cost = lambda _: 0.003
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=30), warm_up=[SHAPE]) as batcher:
        assert batcher.capacity == 8
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*submitted(batcher, 1, 2, 3, 4))
        assert [answer.batch_size for answer in answers] == [4, 4, 4, 4]


async def test_a_batch_that_nobody_joins_does_not_wait_for_long(measured: Model) -> None:
    measured.cost = lambda _: 0.003
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=0.2), warm_up=[SHAPE]) as batcher:
        answer = await batcher.submit(image(1))
        assert answer.batch_size == 1
        assert answer.queue_s >= 0.2 / 4


async def test_close_does_not_wait_for_batches_to_grow(measured: Model) -> None:
    measured.cost = lambda _: 0.003
    async with started(measured, policy=BatchPolicy(max_batch=4, max_delay_s=600), warm_up=[SHAPE]) as batcher:
        (alone,) = submitted(batcher, 1)
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await batcher.close(grace_s=30)
        assert (await alone).result == 1
