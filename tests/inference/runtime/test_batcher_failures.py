"""Models that fail behind the batcher: a row, a session, all sessions, and the batcher itself."""

import asyncio
import logging

import pytest

from inference.runtime.batch_policy import BatchCosts
from inference.runtime.batcher import Batcher
from inference.runtime.batching import BatcherClosed, ModelFailed, RowRefused
from tests.inference.runtime.held_model import (
    BAD,
    MISSHAPEN,
    POLICY,
    Model,
    Notes,
    image,
    one_by_one,
    run_number,
    running_and_queued,
    started,
    submitted,
    until,
)
from vedette.retry import Backoff


async def test_a_model_that_cannot_be_opened_fails_the_start() -> None:
    model = Model()
    model.open_error = OSError("no such file")
    batcher = Batcher(model.open_session, sessions=2, policy=POLICY)
    with pytest.raises(ModelFailed, match="no such file"):
        await batcher.start()
    with pytest.raises(BatcherClosed):
        await batcher.submit(image(1))


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
        async with asyncio.timeout(20):
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
