"""Whose fault it was that a decode process crashed: a file in memory that outlives it.

Each thread that works for a reader is noted in it, and Python's `faulthandler` appends in which thread a library
crashed. A process that was killed leaves no such word.
"""

import os
import re
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

_NOTE = struct.Struct("<QQ")
_PLACES = 2048
_WORDS = re.compile(rb"Current thread 0x([0-9a-f]+)")


class CrashFile:
    """Opened by its descriptor; the gateway and its decode process have the same one."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._free = deque(range(_PLACES))

    @classmethod
    def new(cls, name: str) -> "CrashFile":
        """An empty one; close it after use."""
        descriptor = os.memfd_create(name)
        os.lseek(descriptor, _PLACES * _NOTE.size, os.SEEK_SET)  # the last words come after the notes
        return cls(descriptor)

    def close(self) -> None:
        os.close(self.descriptor)

    @contextmanager
    def noted(self, reader: int, thread: int) -> Iterator[None]:
        """While this thread works for this reader; should there be thousands, the last ones are not noted."""
        place = self._place()
        self._write(place, reader + 1, thread)
        try:
            yield
        finally:
            self._write(place, 0, 0)
            if place is not None:
                self._free.append(place)

    def _place(self) -> int | None:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _write(self, place: int | None, *note: int) -> None:
        if place is not None:
            os.pwrite(self.descriptor, _NOTE.pack(*note), place * _NOTE.size)

    def culprit(self) -> int | None:
        """The reader in whose thread the crash was; None: there was none, or in no reader's thread."""
        written = os.pread(self.descriptor, 1 << 20, 0)
        words = _WORDS.search(written, _PLACES * _NOTE.size)
        if words is None:
            return None
        notes = _NOTE.iter_unpack(written[: _PLACES * _NOTE.size])
        return next((reader - 1 for reader, thread in notes if reader and thread == int(words[1], 16)), None)
