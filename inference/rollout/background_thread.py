"""Threads whose work must not delay anybody else's."""

import contextlib
import os
import sys
import threading

_LOWEST = 19


def step_back() -> None:
    """Give the calling thread, and those that it starts, the lowest priority for good (Linux knows one a thread)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
