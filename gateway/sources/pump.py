"""A source that must not be interrupted while it reads, read in a thread of its own.

FFmpeg can't go on after a time-out within a connection (RTSP over TCP, HTTP, HLS, RTMP), and a device knows none. So
their thread waits as long as it must, and the reader's thread looks at what came, at its stop flag and at its watchdog
whenever it likes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

from gateway.reading.reader_threads import beside

T = TypeVar("T")

_AHEAD = 64
"""Items read and not taken; then reading waits, and the sender with it."""
_LOOK_S = 0.5


class Pump(Generic[T]):
    """Takes items out of `read()` in a thread, which calls `close` in the end: nobody else may.

    The thread starts with the first `take`; one that is abandoned ends with the next item, or with its time-out.
    """

    def __init__(self, read: Callable[[], Iterator[T]], close: Callable[[], None]) -> None:
        self._read = read
        self._close = close
        self._items: Queue[T | Exception | None] = Queue(_AHEAD)
        self._abandoned = threading.Event()
        self._thread: threading.Thread | None = None

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
        """Nothing is taken any more."""
        self._abandoned.set()
        with suppress(Empty):
            while True:
                self._items.get_nowait()  # a thread that waits for room sees at once that it can go
        if self._thread is None:
            self._close()

    def _run(self) -> None:
        try:
            for item in self._read():
                if not self._put(item):
                    return
            self._put(None)
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that takes
            self._put(error)
        finally:
            self._close()

    def _put(self, item: T | Exception | None) -> bool:
        """Wait for room; False when nobody takes any more."""
        while not self._abandoned.is_set():
            try:
                self._items.put(item, timeout=_LOOK_S)
            except Full:
                continue
            return not self._abandoned.is_set()
        return False
