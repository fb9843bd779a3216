"""Threads whose work must not delay anybody else's."""

import contextlib
import os
import sys
import threading

_LOWEST = 19


def step_back(thread: int | None = None) -> None:
    """Give a thread of this process, by its native id (None: the calling one), the lowest priority for good, and those
    that it starts from now on. Linux knows a priority a thread; elsewhere nothing happens."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id() if thread is None else thread, _LOWEST)
