"""The threads that work for one reader of a decode process: what they have cost, and whose crash is whose."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateway.crash_file import CrashFile


class ReaderThreads:
    """Each thread enters `working` once."""

    def __init__(self, number: int, crash_file: CrashFile) -> None:
        self._number = number
        self._crash_file = crash_file
        self._lock = threading.Lock()
        self._clocks: dict[int, int] = {}
        self._spent_s = 0.0

    @contextmanager
    def working(self, beside: bool = False) -> Iterator[None]:
        """While this thread works; `beside`: it is not the reader's first."""
        thread = threading.get_ident()
        with self._lock:
            self._clocks[thread] = time.pthread_getcpuclockid(thread)
        self._crash_file.note(self._number, thread, beside)
        try:
            yield
        finally:
            self._crash_file.note(self._number, 0, beside)
            with self._lock:
                del self._clocks[thread]
                self._spent_s += time.thread_time()

    def cpu_s(self) -> float:
        """CPU time of all of them, ended and running."""
        with self._lock:
            return self._spent_s + sum(map(_running_s, self._clocks.values()))


def _running_s(clock: int) -> float:
    with suppress(OSError):  # its thread has ended meanwhile
        return time.clock_gettime(clock)
    return 0.0
