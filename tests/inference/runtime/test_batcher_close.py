"""How the batcher ends: what runs, what waits, and what hangs."""

import asyncio

import pytest

from inference.runtime.batching import BatcherClosed, ModelFailed
from tests.inference.runtime.held_model import (
    BAD,
    Model,
    image,
    running_and_queued,
    started,
    until,
)


async def test_close_runs_what_is_here_and_takes_nothing_in() -> None:
    model = Model()
    async with started(model) as batcher:
        first, rest = await running_and_queued(batcher, model, 1, 2)
        closing = asyncio.create_task(batcher.close(grace_s=60))
        await asyncio.sleep(0)
        with pytest.raises(BatcherClosed):
            await batcher.submit(image(3))
        with pytest.raises(BatcherClosed):
            await batcher.wait_for_room()
        model.gate.let()
        await closing
        assert [(await task).result for task in (first, *rest)] == [0, 1, 2]


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
