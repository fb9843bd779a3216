"""Waits for a condition with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 60.0

What = str | Callable[[], str]
"""What is waited for, for the failure; a callable where it is a text that grows, as a log does."""


async def until(condition: Callable[[], object], what: What, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition()` is true; fail with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, _failure(what, deadline_s)
        await asyncio.sleep(0.01)


async def until_async(condition: Callable[[], Awaitable[object]], what: What, deadline_s: float = DEADLINE_S) -> None:
    """The same for a condition that must be awaited."""
    end = time.monotonic() + deadline_s
    while not await condition():
        assert time.monotonic() < end, _failure(what, deadline_s)
        await asyncio.sleep(0.02)


def _failure(what: What, deadline_s: float) -> str:
    return f"not within {deadline_s} s: {what if isinstance(what, str) else what()}"
