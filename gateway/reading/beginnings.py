"""How many streams of a process may be decoded whole for the only reason that their scenes are not known yet.

Hundreds of cameras connect in the same moment when a gateway starts, or a switch does. All decoded whole, they would
starve one another for minutes, fall behind, and be connected anew.
"""

import threading


class Beginnings:
    """Room for `most` at a time. Any thread may call it."""

    def __init__(self, most: int) -> None:
        self._room = threading.Semaphore(most)

    def begin(self) -> "Beginning | None":
        """None: there is no room now."""
        return Beginning(self._room) if self._room.acquire(blocking=False) else None


class Beginning:
    """Of one stream."""

    def __init__(self, room: threading.Semaphore) -> None:
        self._room = room
        self._lasts = True

    def end(self) -> None:
        """Make room for another one; once more is as good."""
        if self._lasts:
            self._lasts = False
            self._room.release()
