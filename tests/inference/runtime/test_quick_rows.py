"""Rows of a model that takes no time to speak of are run on the event loop, by a session that is idle."""

import asyncio
import threading
import time

import pytest

from inference.runtime import session_pool
from inference.runtime.batching import BatcherClosed, DeadlineExceeded, ModelFailed, RowRefused
from tests.inference.runtime.held_model import (
    BAD,
    MISSHAPEN,
    SHAPE,
    Model,
    Notes,
    image,
    run_number,
    started,
    until,
)

HERE = threading.current_thread().name


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model whose runs are quick enough, however busy this machine is."""
    monkeypatch.setattr(session_pool, "QUICK_S", 60.0)
    return Model()


async def test_a_quick_row_is_run_by_who_asks_and_counted_like_others(quick: Model) -> None:
    notes = Notes()
    async with started(quick, sessions=2, observer=notes, warm_up=[SHAPE]) as batcher:
        await until(lambda: len(batcher._pool._idle) == 2)
        quick.threads.clear()
        answer = await batcher.submit(image(7))
        assert (answer.result, answer.batch_size, answer.queue_s) == (7, 1, 0.0)
        assert quick.threads == {HERE}
        ((size, queue_s, infer_s),) = notes.batches
        assert (size, queue_s) == (1, [0.0])
        assert infer_s == answer.infer_s


@pytest.mark.parametrize(("quick_s", "warm_up"), [(0.0, [SHAPE]), (60.0, [])])
async def test_what_takes_longer_or_was_never_measured_is_run_by_a_session_s_thread(
    quick: Model, monkeypatch: pytest.MonkeyPatch, quick_s: float, warm_up: list[tuple[int, ...]]
) -> None:
    monkeypatch.setattr(session_pool, "QUICK_S", quick_s)
    async with started(quick, warm_up=warm_up) as batcher:
        quick.threads.clear()
        assert (await batcher.submit(image(7))).result == 7
        assert quick.threads == {"session-0"}


async def test_who_waits_is_not_overtaken_and_a_busy_session_is_not_used(
    quick: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(quick, warm_up=[SHAPE]) as batcher:
        quick.started.clear()
        quick.threads.clear()
        quick.gate.hold()
        monkeypatch.setattr(session_pool, "QUICK_S", 0.0)
        running = asyncio.create_task(batcher.submit(image(1)))
        await run_number(quick, 1)
        monkeypatch.setattr(session_pool, "QUICK_S", 60.0)
        waiting = [asyncio.create_task(batcher.submit(image(number), lane="request")) for number in (2, 3)]
        await asyncio.sleep(0)
        assert quick.started == [[1]]
        quick.gate.let()
        assert [(await task).result for task in (running, *waiting)] == [1, 2, 3]
        assert quick.threads == {"session-0"}


@pytest.mark.parametrize(("number", "error"), [(BAD, ModelFailed), (MISSHAPEN, RowRefused)])
async def test_a_row_that_fails_fails_alone_and_costs_what_it_always_does(
    quick: Model, number: int, error: type[ModelFailed]
) -> None:
    notes = Notes()
    async with started(quick, observer=notes, warm_up=[SHAPE]) as batcher:
        with pytest.raises(error):
            await batcher.submit(image(number))
        assert len(notes.rebuilds) == (number == BAD)
        quick.threads.clear()
        assert (await batcher.submit(image(1))).result == 1


async def test_a_row_that_comes_after_its_deadline_is_not_run(quick: Model) -> None:
    async with started(quick, warm_up=[SHAPE]) as batcher:
        await until(lambda: len(batcher._pool._idle) == 1)
        quick.started.clear()
        with pytest.raises(DeadlineExceeded):
            await batcher.submit(image(1), deadline=time.monotonic() - 1)
        assert quick.started == []


async def test_nothing_is_run_after_the_close(quick: Model) -> None:
    async with started(quick, warm_up=[SHAPE]) as batcher:
        await batcher.close(grace_s=1)
        runs = len(quick.started)
        with pytest.raises(BatcherClosed):
            await batcher.submit(image(1))
        assert len(quick.started) == runs
