"""One model session with its input buffers: puts images together into a batch, runs it, measures what sizes cost."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inference.runtime.batch_policy import MAX_SHAPES, TOLERANCE, BatchPolicy, CostCurve, Shape
from inference.runtime.batching import ModelFailed
from inference.runtime.request import R
from inference.runtime.rows import Row, shape_of

R_co = TypeVar("R_co", covariant=True)

ROUNDS = 3
MEASURE_S = 0.4
"""After measured runs of so long, no round and no size is begun any more for a shape. A GPU is done by then (its first
runs are slow, but they warm up); a loaded machine may take ten times as long for a run, and must be ready all the
same."""

Samples = Mapping[Shape, Mapping[int, Sequence[float]]]
"""Seconds of each measured run, by shape and batch size."""


class Session(Protocol[R_co]):
    """A loaded model. It is used by one thread only and must not keep `batch`, whose memory is used again."""

    @property
    def batched(self) -> bool:
        """Whether rows are stacked; else a batch is one row as it is."""
        ...

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[R_co]:
        """One result a row of the batch, an array [N, …] for each input, in order. A ValueError means that the model
        takes no such rows; after any other exception the session is not used again."""
        ...


@runtime_checkable
class OnDevice(Protocol):
    """What a session has that may run on another device than the CPU."""

    @property
    def padded(self) -> bool:
        """Whether batches are to be filled up to a size that was warmed up."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Memory for batches, from which the device takes them fastest."""
        ...


OpenSession = Callable[[], Session[R]]


class SessionRunner(Generic[R]):
    """Owned by one thread. Buffers of `max_batch` rows are kept for each of the last `MAX_SHAPES` shapes; their pages
    become real memory only as far as batches fill them."""

    def __init__(self, open_session: OpenSession[R], policy: BatchPolicy) -> None:
        self._open_session = open_session
        self._policy = policy
        self._session: Session[R] | None = None
        self._device: OnDevice | None = None
        self._buffers: OrderedDict[Shape, list[NDArray[Any]]] = OrderedDict()

    def open(self) -> None:
        """Open a session; the one before is let go first, so that a device never has to hold both."""
        self._session = None
        self._session = self._open_session()
        opened: object = self._session
        self._device = opened if isinstance(opened, OnDevice) else None
        self._buffers.clear()  # they may be the device's

    @property
    def padded(self) -> bool:
        """Whether the session wants batches of the sizes that were warmed up."""
        return self._device is not None and self._device.padded

    def run(self, rows: Sequence[Row], size: int = 0) -> Sequence[R]:
        """The results of rows of one shape, in order; the batch is filled up to `size`, if that is more. Raises what
        the session raises, and `ModelFailed` if it does not give one result a row."""
        if self._session is None:
            raise ModelFailed("the session is not open")
        size = max(size, len(rows))
        results = self._session.run(self._assemble(rows, size) if self._session.batched else rows[0])
        if len(results) != size:
            raise ModelFailed(f"the model gave {len(results)} results for {size} rows")
        return results[: len(rows)]

    def measure(self, rows: Iterable[Row], leave: Callable[[], bool] = lambda: False) -> Samples:
        """What batches cost, each size against the one before, up to the first that saves nothing: a CPU is soon done.

        Once `leave()` is true nothing more is run.
        """
        return {shape_of(row): self._measure(row, leave) for row in rows}

    def _measure(self, row: Row, leave: Callable[[], bool]) -> Mapping[int, Sequence[float]]:
        sizes = self._policy.sizes
        seconds: dict[int, list[float]] = {size: [] for size in sizes}
        for pair in pairwise(sizes) if len(sizes) > 1 else [(1,)]:
            self._compare(pair, row, seconds, leave)
            if _long_enough(seconds) or not _saves(pair, seconds):
                break
        return {size: samples for size, samples in seconds.items() if samples}

    def _compare(
        self, sizes: Sequence[int], row: Row, seconds: dict[int, list[float]], leave: Callable[[], bool]
    ) -> None:
        """Each size once to warm up, then in turn, so that drift touches all alike: `ROUNDS` times, or fewer where that
        takes too long."""
        for measured in range(-1, ROUNDS):
            if leave() or (measured > 0 and _long_enough(seconds)):
                return
            for size in sizes:
                started = time.monotonic()
                self.run([row] * size)
                if measured >= 0:
                    seconds[size].append(time.monotonic() - started)

    def _assemble(self, rows: Sequence[Row], size: int) -> list[NDArray[Any]]:
        """Padding repeats the last row: whatever else it were, the model might refuse it."""
        on_cpu = not self.padded
        if on_cpu and size == 1 and all(array.flags.c_contiguous for array in rows[0]):
            return [array[np.newaxis] for array in rows[0]]
        rows = [*rows, *[rows[-1]] * (size - len(rows))]
        batch = [buffer[:size] for buffer in self._buffers_of(rows[0])]
        for slots, arrays in zip(batch, zip(*rows, strict=True), strict=True):
            for slot, array in zip(slots, arrays, strict=True):
                slot[...] = array
        return batch

    def _buffers_of(self, row: Row) -> list[NDArray[Any]]:
        shape = shape_of(row)
        if shape not in self._buffers:
            empty = self._device.empty if self._device is not None else np.empty
            self._buffers[shape] = [empty((self._policy.max_batch, *array.shape), array.dtype) for array in row]
            if len(self._buffers) > MAX_SHAPES:
                self._buffers.popitem(last=False)
        self._buffers.move_to_end(shape)
        return self._buffers[shape]


def _long_enough(seconds: Mapping[int, Sequence[float]]) -> bool:
    return sum(sum(samples) for samples in seconds.values()) > MEASURE_S


def _saves(sizes: Sequence[int], seconds: Mapping[int, Sequence[float]]) -> bool:
    """Whether an image costs less in a batch of the last size than in one of the first; half the tolerance, so that no
    larger size is missed that would save more than the whole."""
    costs = [median(seconds[size]) / size for size in (sizes[0], sizes[-1]) if seconds[size]]
    return len(costs) > 1 and costs[1] < costs[0] * (1 - TOLERANCE / 2)


def curve_of(samples: Iterable[Mapping[int, Sequence[float]]], padded: bool = False) -> CostCurve:
    """The medians over what several sessions measured for one shape."""
    pooled: dict[int, list[float]] = {}
    for session in samples:
        for size, seconds in session.items():
            pooled.setdefault(size, []).extend(seconds)
    return CostCurve({size: median(seconds) for size, seconds in pooled.items()}, padded)
