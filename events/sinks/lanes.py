"""Work in order within each lane, lanes beside each other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from vedette.background import end

Item = TypeVar("Item")


class Lanes(Generic[Item]):
    """One task a lane that has something to do. How much is added is bounded by who adds."""

    def __init__(self, work: Callable[[Item], Awaitable[None]]) -> None:
        self._work = work
        self._queues: dict[str, deque[Item]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def oldest(self) -> list[Item]:
        """What each lane is at."""
        return [queue[0] for queue in self._queues.values()]

    def add(self, lane: str, item: Item) -> None:
        """Do `item` when all that was added to `lane` before is done."""
        queue = self._queues.get(lane)
        if queue is not None:
            queue.append(item)
            return
        self._queues[lane] = deque([item])
        task = asyncio.create_task(self._run(lane))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def failed(self) -> None:
        """Wait until work has failed, and raise what it raised."""
        while self._failure is None:
            self._changed.clear()
            await self._changed.wait()
        raise self._failure

    async def close(self) -> None:
        """Break off all work."""
        await end(self._tasks)

    async def _run(self, lane: str) -> None:
        queue = self._queues[lane]
        while queue:
            await self._work(queue[0])
            queue.popleft()
        del self._queues[lane]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()
            self._changed.set()
