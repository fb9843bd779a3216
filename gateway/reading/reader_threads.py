"""The threads that work for one reader of a decode process: what they have cost, whose crash is whose, and whether
one is stuck."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from gateway.processes.crash_file import CrashFile

P = ParamSpec("P")
T = TypeVar("T")


class ReaderThreads:
    """A thread enters `working` for as long as it works."""

    def __init__(self, number: int, crash_file: CrashFile) -> None:
        self._number = number
        self._crash_file = crash_file
        self._lock = threading.Lock()
        self._clocks: dict[int, int] = {}
        self._silent_beats: dict[int, int] = {}
        self._spent_s = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """While this thread works."""
        thread = threading.get_ident()
        with self._lock:
            self._clocks[thread] = time.pthread_getcpuclockid(thread)
            self._spent_s -= time.thread_time()  # for others, before
        before = _of_this_thread.set(self)
        try:
            with self._crash_file.noted(self._number, thread):
                yield
        finally:
            _of_this_thread.reset(before)
            with self._lock:
                del self._clocks[thread]
                self._spent_s += time.thread_time()

    @contextmanager
    def reading(self) -> Iterator[Callable[[], None]]:
        """While this thread reads, it calls what it is given whenever it looks around."""
        thread = threading.get_ident()

        def look() -> None:
            self._silent_beats[thread] = 0

        with self._lock:
            look()
        try:
            yield look
        finally:
            with self._lock:
                self._silent_beats.pop(thread, None)

    def beat(self) -> int:
        """How often this was called since each thread that reads looked around. Calls are counted, and no time: while
        the machine stands still, there are none."""
        with self._lock:
            for thread in self._silent_beats:
                self._silent_beats[thread] += 1
            return max(self._silent_beats.values(), default=0)

    def cpu_s(self) -> float:
        """CPU time of all of them, ended and running."""
        with self._lock:
            return self._spent_s + sum(map(_running_s, self._clocks.values()))


_of_this_thread = ContextVar[ReaderThreads | None]("reader_threads", default=None)


def beside(body: Callable[P, T]) -> Callable[P, T]:
    """`body` for another thread, which works for the same reader as this one, if this one does for any."""
    threads = _of_this_thread.get()

    def working(*args: P.args, **kwargs: P.kwargs) -> T:
        with threads.working() if threads is not None else nullcontext():
            return body(*args, **kwargs)

    return working


def reading() -> AbstractContextManager[Callable[[], None]]:
    """As `ReaderThreads.reading`, of the reader that this thread works for, if it does for any."""
    threads = _of_this_thread.get()
    return nullcontext(lambda: None) if threads is None else threads.reading()


def _running_s(clock: int) -> float:
    with suppress(OSError):  # its thread has ended meanwhile
        return time.clock_gettime(clock)
    return 0.0
