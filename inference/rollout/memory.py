"""What a process keeps of memory that it has freed, and how it is made to give it back."""

import ctypes
import sys
from typing import Any


def trim() -> None:
    """Give freed memory back to the system, where the C library is glibc; elsewhere nothing happens.

    It takes some milliseconds without the GIL, and the allocator's locks by turns: not for the event loop.
    """
    if sys.platform != "linux":
        return
    library: Any = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
