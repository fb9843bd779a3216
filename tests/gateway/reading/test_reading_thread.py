"""A blocking reader in a thread, and the task that waits for it."""

import asyncio
import gc
import threading
from contextvars import ContextVar

import pytest

from gateway.errors import Reason, SourceError
from gateway.reading.reading_thread import read_in_thread
from tests.waiting import until

camera: ContextVar[str] = ContextVar("camera", default="none")


def alive(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


async def test_the_task_ends_as_its_reader_does() -> None:
    await read_in_thread("ends", lambda stop: None)

    def fail(stop: threading.Event) -> None:
        raise SourceError(Reason.ENDED, "gone")

    with pytest.raises(SourceError, match="gone"):
        await read_in_thread("fails", fail)


async def test_the_reader_has_the_context_of_its_task() -> None:
    seen: list[str] = []
    camera.set("gate")
    await read_in_thread("context", lambda stop: seen.append(camera.get()))
    assert seen == ["gate"]


async def test_cancellation_stops_the_thread_and_waits_for_it() -> None:
    running = threading.Event()

    def read(stop: threading.Event) -> None:
        running.set()
        stop.wait()

    task = asyncio.create_task(read_in_thread("stopped", read))
    await until(running.is_set, "the reader runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive("stopped"), "the thread has ended")


async def test_a_failure_while_it_is_stopped_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    running = threading.Event()

    def read(stop: threading.Event) -> None:
        running.set()
        stop.wait()
        raise SourceError(Reason.ENDED, "gone")

    task = asyncio.create_task(read_in_thread("fails late", read))
    await until(running.is_set, "the reader runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive("fails late"), "the thread has ended")
    gc.collect()
    assert not caplog.records


async def test_a_stuck_thread_is_left_behind(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("gateway.reading.reading_thread._LEAVE_WITHIN_S", 0.1)
    running, release = threading.Event(), threading.Event()

    def read(stop: threading.Event) -> None:
        running.set()
        release.wait()
        raise SourceError(Reason.ENDED, "gone")

    task = asyncio.create_task(read_in_thread("stuck", read))
    await until(running.is_set, "the reader runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "stuck is stuck" in caplog.text
    caplog.clear()
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "stuck")
    release.set()
    await until(lambda: not alive("stuck"), "the thread has ended")
    await asyncio.sleep(0)
    gc.collect()
    assert not caplog.records


def test_a_thread_that_outlives_its_loop_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reading.reading_thread._LEAVE_WITHIN_S", 0.01)
    release = threading.Event()

    def read(stop: threading.Event) -> None:
        release.wait()

    async def leave() -> None:
        async with asyncio.timeout(0.05):
            await read_in_thread("orphan", read)

    with pytest.raises(TimeoutError):
        asyncio.run(leave())
    release.set()
    for thread in threading.enumerate():
        if thread.name == "orphan":
            thread.join(5)
    assert not alive("orphan")
