"""A model whose runs a test holds and lets go, and the batcher in front of it: real threads and a real loop."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batcher import Batcher
from inference.runtime.request import Inferred
from inference.runtime.rows import Row
from inference.runtime.session_pool import Observer
from vedette.retry import Backoff

SHAPE = (4, 4, 3)
OTHER_SHAPE = (8, 4, 3)
POLICY = BatchPolicy(max_batch=8, max_delay_s=0.02)
SOON = Backoff(first_s=0.001, cap_s=0.005)
BAD, MISSHAPEN = 666_666, 777_777


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


def session_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("session-")}


@asynccontextmanager
async def started(
    model: Model,
    sessions: int = 1,
    policy: BatchPolicy = POLICY,
    backoff: Backoff = SOON,
    observer: Observer | None = None,
    warm_up: Sequence[tuple[int, ...]] = (),
) -> AsyncIterator[Batcher[int]]:
    of_others = session_threads()
    batcher = Batcher(model.open_session, sessions=sessions, policy=policy, backoff=backoff, observer=observer)
    await batcher.start(lambda: [(np.zeros(shape, np.uint8),) for shape in warm_up])
    try:
        yield batcher
    finally:
        model.gate.let()
        await batcher.close(grace_s=60)
    await until(lambda: session_threads() <= of_others)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
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
