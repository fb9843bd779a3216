"""Tasks that run beside a body of code, and end with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

_AGAIN_S = 3.0


@asynccontextmanager
async def background(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `coroutines` while the body runs, then cancel and await them. If one fails, the body is cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
        try:
            yield
        finally:
            await end(tasks)


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel each of `tasks` that nobody cancelled yet, and wait for all; what they raised is theirs who awaited them.

    A task has 3 s to clean up, then it is cancelled again: before Python 3.12 `asyncio.wait_for` swallows a
    cancellation that comes at the moment of its result (https://github.com/python/cpython/issues/86296; our requests
    on the bus don't, but the NATS library waits by it elsewhere too). Whoever waits here and is cancelled waits on,
    having cancelled `tasks` once more: a task group cancels its tasks only once, and would wait for ever for one that
    swallowed that.
    """
    every = set(tasks)
    pending = {task for task in every if not task.done()}
    for task in pending:
        if not task.cancelling():
            task.cancel()
    interruption: asyncio.CancelledError | None = None
    while pending:
        try:
            _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
        except asyncio.CancelledError as error:
            interruption = error
        for task in pending:
            task.cancel()
    for task in every:
        if not task.cancelled():
            task.exception()  # looked at, so that it isn't reported as never retrieved
    if interruption is not None:
        raise interruption
