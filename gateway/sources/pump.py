"""A source that must not be interrupted while it reads, read in a thread of its own.

FFmpeg can't go on after a time-out within a connection (RTSP over TCP, HTTP, HLS, RTMP), and a device knows none. So
their thread waits as long as it must, and the reader's thread looks at what came, at its stop flag and at its watchdog
whenever it likes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from gateway.reading.reader_threads import beside

T = TypeVar("T")

_AHEAD = 64
"""Items read and not taken; then reading waits, and the sender with it."""
_PAUSE_S = 0.02


class Pump(Generic[T]):
    """Takes items out of `read()` in a thread. `close` is called once, when that thread has ended and the pump was
    abandoned, whichever is the last: who takes may still ask the container about items that wait.

    The thread starts with the first `take`; one that is abandoned ends with the next item, or with its time-out.
    """

    def __init__(self, read: Callable[[], Iterator[T]], close: Callable[[], None]) -> None:
        self._read = read
        self._close = close
        self._items: SimpleQueue[T | Exception | None] = SimpleQueue()  # in C: a bounded one costs half of all this
        self._abandoned = threading.Event()
        self._leaving = threading.Lock()
        self._one_has_left = False
        self._thread: threading.Thread | None = None

    @property
    def empty(self) -> bool:
        """Nothing that came waits to be taken."""
        return self._items.empty()

    def take(self, within_s: float) -> T | None:
        """The next item; None when there are no more.

        Raises:
            TimeoutError: none came `within_s`.
            Exception: what `read()` raised.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=beside(self._run), name="pump", daemon=True)
            self._thread.start()
        try:
            item = self._items.get(timeout=within_s)
        except Empty:
            raise TimeoutError from None
        try:
            if isinstance(item, Exception):
                raise item
            return item
        finally:
            del item  # or an error and this frame hold one another, and with them the container, until collected

    def abandon(self) -> None:
        """Nothing is taken any more. To be called once."""
        self._abandoned.set()
        with suppress(Empty):
            while True:
                self._items.get_nowait()
        if self._thread is None:
            self._close()
        else:
            self._leave()

    def _run(self) -> None:
        try:
            for item in self._read():
                if not self._put(item):
                    return
            self._put(None)
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that takes
            self._put(error)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._leaving:
            is_last, self._one_has_left = self._one_has_left, True
        if is_last:
            self._close()

    def _put(self, item: T | Exception | None) -> bool:
        """Wait for room; False when nobody takes any more."""
        while self._items.qsize() >= _AHEAD and not self._abandoned.is_set():
            self._abandoned.wait(_PAUSE_S)
        self._items.put(item)
        return not self._abandoned.is_set()
