"""What the batcher costs an image, and what it wins: `python -m benchmarks.batcher`.

Overhead: a session that does nothing, against a thread pool of the standard library. Throughput and latency: sessions
that sleep (and so release the GIL, as ONNX Runtime does) for as long as a CPU or a GPU would compute, against a bare
loop over single images in as many threads. Rounds are interleaved; medians are printed.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batcher import Batcher

IMAGE = np.zeros((192, 320, 3), np.uint8)
POLICY = BatchPolicy(max_batch=16, max_delay_s=0.003)
ROUNDS = 5
SESSIONS = 2

Cost = Callable[[int], float]
Call = Callable[[], Awaitable[object]]


def nothing(_: int) -> float:
    return 0.0


def flat(size: int) -> float:
    return 0.005 * size


def sublinear(size: int) -> float:
    return 0.004 + 0.001 * size


@dataclass
class Sleeper:
    cost: Cost
    batched = True

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[int]:
        if seconds := self.cost(len(batch[0])):
            time.sleep(seconds)
        return range(len(batch[0]))


@asynccontextmanager
async def batched(cost: Cost) -> AsyncIterator[Call]:
    batcher = Batcher(lambda: Sleeper(cost), sessions=SESSIONS, policy=POLICY)
    await batcher.start(warm_up=lambda: [(IMAGE,)])

    async def call() -> None:
        await batcher.wait_for_room()
        await batcher.submit((IMAGE,))

    yield call
    await batcher.close(grace_s=1)


@asynccontextmanager
async def pooled(cost: Cost) -> AsyncIterator[Call]:
    session, loop = Sleeper(cost), asyncio.get_running_loop()
    with ThreadPoolExecutor(SESSIONS) as pool:

        async def call() -> None:
            await loop.run_in_executor(pool, session.run, [IMAGE[np.newaxis]])

        yield call


async def measure(call: Call, callers: int, images: int) -> tuple[float, float, float]:
    """Images a second, median latency in ms, CPU microseconds an image; each caller waits for its answer."""
    latencies: list[float] = []

    async def caller() -> None:
        for _ in range(images // callers):
            started = time.monotonic()
            await call()
            latencies.append(time.monotonic() - started)

    wall, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return len(latencies) / wall, 1e3 * median(latencies), 1e6 * cpu / len(latencies)


def bare_loop(cost: Cost, images: int) -> float:
    """Images a second of sessions that do nothing but run single images."""
    session = Sleeper(cost)
    threads = [
        threading.Thread(target=lambda: [session.run([IMAGE[np.newaxis]]) for _ in range(images // SESSIONS)])
        for _ in range(SESSIONS)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return images / (time.monotonic() - started)


async def compare(name: str, cost: Cost, callers: int, images: int) -> None:
    rows: dict[str, list[tuple[float, float, float]]] = {"batcher": [], "thread pool": []}
    bare: list[float] = []
    for _ in range(ROUNDS):
        for row, server in (("batcher", batched), ("thread pool", pooled)):
            async with server(cost) as call:
                rows[row].append(await measure(call, callers, images))
        bare.append(await asyncio.to_thread(bare_loop, cost, images))
    for row, results in rows.items():
        rate, latency_ms, cpu_us = (median(column) for column in zip(*results, strict=True))
        print(f"{name:28} {callers:7} {row:12} {rate:9.0f} {latency_ms:9.2f} {cpu_us:9.0f}")
    print(f"{name:28} {'-':>7} {'bare loop':12} {median(bare):9.0f} {'-':>9} {'-':>9}", flush=True)


async def main() -> None:
    print(f"{'session':28} {'callers':>7} {'through':12} {'images/s':>9} {'p50 ms':>9} {'CPU us':>9}")
    await compare("no work", nothing, callers=1, images=2000)
    await compare("no work", nothing, callers=32, images=6400)
    await compare("5 ms an image (CPU)", flat, callers=4, images=200)
    await compare("5 ms an image (CPU)", flat, callers=32, images=320)
    await compare("4 ms + 1 ms an image (GPU)", sublinear, callers=4, images=400)
    await compare("4 ms + 1 ms an image (GPU)", sublinear, callers=32, images=1600)


if __name__ == "__main__":
    asyncio.run(main())
