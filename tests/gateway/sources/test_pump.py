"""What is read in a thread of its own: in order, bounded, and closed when nobody needs it any more."""

import threading
from collections.abc import Iterator

import pytest

from gateway.sources.pump import Pump
from tests.waiting import until


def counted(most: int, given: list[int]) -> Iterator[int]:
    for number in range(most):
        given.append(number)
        yield number


def test_items_come_in_order_and_then_the_end() -> None:
    pump = Pump(lambda: counted(3, []), lambda: None)
    assert [pump.take(5) for _ in range(4)] == [0, 1, 2, None]
    pump.abandon()


def test_it_is_closed_when_it_has_ended_and_was_abandoned_and_not_before() -> None:
    """Who takes what waits still asks the container about it: FFmpeg crashes where that is closed."""
    closed = threading.Event()
    pump = Pump(lambda: counted(2, []), closed.set)
    assert pump.take(5) == 0
    assert pump._thread is not None
    pump._thread.join(5)
    assert not pump._thread.is_alive()
    assert not closed.is_set()
    assert pump.take(5) == 1
    pump.abandon()
    assert closed.is_set()


def test_one_that_is_abandoned_is_closed_by_its_thread() -> None:
    closed, go_on = threading.Event(), threading.Event()

    def read() -> Iterator[int]:
        yield 0
        go_on.wait(10)
        yield 1

    pump = Pump(read, closed.set)
    assert pump.take(5) == 0
    pump.abandon()
    assert not closed.is_set()  # it reads
    go_on.set()
    assert closed.wait(10)


def test_one_that_never_began_is_closed_at_once() -> None:
    closed = threading.Event()
    Pump(lambda: counted(1, []), closed.set).abandon()
    assert closed.is_set()


async def test_who_does_not_take_makes_reading_wait() -> None:
    given: list[int] = []
    pump = Pump(lambda: counted(1000, given), lambda: None)
    assert pump.take(5) == 0
    await until(lambda: len(given) >= 60, "it reads ahead")
    with pytest.raises(AssertionError):
        await until(lambda: len(given) > 100, "it reads on and on", deadline_s=0.5)
    assert [pump.take(5) for _ in range(999)] == list(range(1, 1000))
    pump.abandon()


def test_what_reading_raises_comes_after_what_was_read() -> None:
    def read() -> Iterator[int]:
        yield 0
        raise OSError("gone")

    pump = Pump(read, lambda: None)
    assert pump.take(5) == 0
    with pytest.raises(OSError, match="gone"):
        pump.take(5)
    pump.abandon()
