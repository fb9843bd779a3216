"""Tasks beside a body end with it, and may clean up first."""

import asyncio

import pytest

from vedette import background as module
from vedette.background import background, end

CLEAN_UP_S = 1.5


async def cleans_up(finished: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(CLEAN_UP_S, over.set)
        await over.wait()
        finished.append("cleaned up")


async def fails() -> None:
    raise ValueError("a sibling")


async def test_a_slow_clean_up_finishes() -> None:
    finished: list[str] = []
    async with background(cleans_up(finished)):
        await asyncio.sleep(0)
    assert finished == ["cleaned up"]


async def test_a_slow_clean_up_finishes_though_a_sibling_failed() -> None:
    finished: list[str] = []
    with pytest.raises(ExceptionGroup):
        async with background(cleans_up(finished), fails()):
            await asyncio.Event().wait()
    assert finished == ["cleaned up"]


async def test_a_task_that_swallowed_its_first_cancellation_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)

    async def swallows() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(swallows())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([task])
    assert task.cancelled()


async def test_who_is_cancelled_while_it_waits_waits_on_for_a_task_that_swallows_cancellations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)
    ended: list[str] = []

    async def swallows() -> None:
        for _ in range(5):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue
        ended.append("swallowed enough")

    async def owner() -> None:
        async with background(swallows()):
            await asyncio.Event().wait()

    task = asyncio.create_task(owner())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([task])
    assert task.cancelled()
    assert ended == ["swallowed enough"]
