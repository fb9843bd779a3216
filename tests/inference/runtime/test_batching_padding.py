"""Batches filled up to sizes that were warmed: where a device wants that, and nowhere else."""

import asyncio
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from inference.runtime.batch_policy import BatchCosts, BatchPolicy, CostCurve
from inference.runtime.batcher import REQUESTS_HELD, Batcher
from inference.runtime.session_runner import SessionRunner
from tests.inference.runtime.held_model import Notes
from tests.waiting import until

POLICY = BatchPolicy(8, 0)


class Gpu:
    """Costs the same whatever it runs, by a clock of its own; its result for a row is the row's number."""

    batched = True

    def __init__(self, padded: bool = True) -> None:
        self.padded = padded
        self.now = 0.0
        self.sizes: list[int] = []
        self.memory: list[tuple[int, ...]] = []
        self.open = threading.Event()
        self.open.set()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self.memory.append(shape)
        return np.full(shape, 77, dtype)

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[int]:
        numbers = [int(row[0]) for row in batch[0]]
        self.sizes.append(len(numbers))
        assert self.open.wait(60)
        self.now += 0.001
        if 77 in numbers:
            raise ValueError("memory that nobody filled")
        return numbers


def rows(count: int) -> list[tuple[NDArray[np.int64]]]:
    return [(np.array([number]),) for number in range(count)]


@given(st.integers(1, 8), st.floats(0, 1))
def test_a_padded_curve_runs_and_prices_warmed_sizes_alone(size: int, gain: float) -> None:
    padded = CostCurve({n: gain + (1 - gain) * n for n in POLICY.sizes}, padded=True)
    bucket = padded.bucket(size)
    assert bucket in POLICY.sizes
    assert bucket == min(warmed for warmed in POLICY.sizes if warmed >= size)
    assert padded.predict(size) == padded.predict(bucket)
    assert padded.bucket(padded.economical(size)) <= 8


def test_rows_are_padded_only_as_far_as_that_costs_less_than_another_batch() -> None:
    steep = CostCurve({1: 1.0, 2: 1.2, 4: 1.6, 8: 4.0}, padded=True)
    assert steep.economical(3) == 3  # filled up to 4
    assert steep.economical(5) == 4  # 4 and 1, not 8
    gentle = CostCurve({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.1}, padded=True)
    assert gentle.economical(5) == 5


def test_what_a_padded_batch_cost_is_learned_for_its_bucket() -> None:
    learned = CostCurve({1: 1.0, 4: 1.0}, padded=True)
    for _ in range(1000):
        learned.observe(3, 2.0)
        learned.observe(1, 1.0)
    assert learned.predict(4) / learned.predict(1) == pytest.approx(2, rel=0.1)


def test_curves_that_are_not_padded_run_batches_as_they_are() -> None:
    assert [CostCurve({1: 1.0, 4: 1.0}).bucket(size) for size in (1, 2, 3, 4, 9)] == [1, 2, 3, 4, 9]
    costs = BatchCosts()
    assert costs.bucket((1,), 3) == 3
    costs.seed((64,), CostCurve({1: 1.0, 4: 1.0}, padded=True))
    assert costs.bucket((32,), 3) == 4  # a shape never measured borrows


def test_padding_repeats_a_row_and_its_results_are_cut_off() -> None:
    gpu = Gpu()
    runner: SessionRunner[int] = SessionRunner(lambda: gpu, POLICY)
    runner.open()
    assert runner.run(rows(3), 4) == [0, 1, 2]
    assert runner.run(rows(1), 1) == [0]
    assert gpu.sizes == [4, 1]
    assert gpu.memory == [(8, 1)], "batches are put together in the device's own memory, single ones too"


@pytest.mark.parametrize("padded", [True, False])
async def test_the_batcher_pads_on_a_gpu_and_never_on_a_cpu(padded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, notes = Gpu(padded), Notes()
    monkeypatch.setattr("inference.runtime.session_runner.time", SimpleNamespace(monotonic=lambda: gpu.now))
    batcher: Batcher[int] = Batcher(lambda: gpu, sessions=1, policy=POLICY, observer=notes)
    await batcher.start(lambda: rows(1))
    warmed = gpu.sizes[:]
    gpu.open.clear()
    try:
        first = asyncio.create_task(batcher.submit(rows(1)[0], lane="request"))
        await until(lambda: len(gpu.sizes) > len(warmed), "the first runs")
        others = [asyncio.create_task(batcher.submit(row, lane="request")) for row in rows(7)]
        await until(lambda: batcher.room("request") == REQUESTS_HELD - 8, "all wait")
        gpu.open.set()
        answers = await asyncio.gather(first, *others)
    finally:
        await batcher.close(grace_s=20)
    assert [answer.result for answer in answers] == [0, *range(7)]
    assert [size for size, _, _ in notes.batches] == [1, 7]
    assert set(warmed) == {1, 2, 4, 8}
    assert gpu.sizes[len(warmed) :] == [1, 8 if padded else 7]
    assert notes.padding == (1 if padded else 0)
