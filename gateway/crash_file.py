"""Whose fault it was that a decode process crashed: a file in memory that outlives it.

Each reader's thread is noted in it, and Python's `faulthandler` appends in which thread a library crashed. A process
that was killed leaves no such word.
"""

import os
import re
import struct

_NOTE = struct.Struct("<QQ")
_PLACES = 2048
_WORDS = re.compile(rb"Current thread 0x([0-9a-f]+)")


class CrashFile:
    """Opened by its descriptor; the gateway and its decode process have the same one."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def new(cls, name: str) -> "CrashFile":
        """An empty one; close it after use."""
        descriptor = os.memfd_create(name)
        os.lseek(descriptor, _PLACES * _NOTE.size, os.SEEK_SET)  # the last words come after the notes
        return cls(descriptor)

    def close(self) -> None:
        os.close(self.descriptor)

    def note(self, reader: int, thread: int, beside: bool = False) -> None:
        """This reader is run by this thread, or by this one too."""
        os.pwrite(self.descriptor, _NOTE.pack(reader + 1, thread), (2 * reader + beside) % _PLACES * _NOTE.size)

    def culprit(self) -> int | None:
        """The reader in whose thread the crash was; None: there was none, or in no reader's thread."""
        written = os.pread(self.descriptor, 1 << 20, 0)
        words = _WORDS.search(written, _PLACES * _NOTE.size)
        if words is None:
            return None
        notes = _NOTE.iter_unpack(written[: _PLACES * _NOTE.size])
        return next((reader - 1 for reader, thread in notes if reader and thread == int(words[1], 16)), None)
