"""Waits for a condition with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 15.0


async def until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition()` is true; fail with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        await asyncio.sleep(0.01)


async def until_async(condition: Callable[[], Awaitable[object]], what: str, deadline_s: float = DEADLINE_S) -> None:
    """The same for a condition that must be awaited."""
    end = time.monotonic() + deadline_s
    while not await condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        await asyncio.sleep(0.02)
