"""How much of a lane of the batcher the intakes of several pipelines may have in hand together."""

from collections.abc import Callable
from math import ceil
from typing import Protocol

MOST_ASIDE = 128
"""Frames of a room that may wait for further models at a time, each with its JPEG; beyond it nothing more is taken."""


class Capacity(Protocol):
    """How many messages may wait for their inference at a time; it may change while the process runs."""

    @property
    def capacity(self) -> int: ...


class Room:
    """What one lane of the batcher takes, shared by the intakes of all pipelines.

    A message has its place until its inference is done: while its result is stored another one is on its way, or the
    sessions would idle for that time. As many as the capacity may be at that stage. Each intake may ask for its share
    while there is room, so that all together have less than twice the capacity waiting even if all come at once.
    """

    def __init__(self, plane: Capacity) -> None:
        self.in_hand = 0
        """Messages that were not yet done with."""
        self.waiting = 0
        """Those of them whose inference was not done."""
        self.aside = 0
        """Frames that wait for further models of their cascade, and are not in hand."""
        self._plane = plane
        self._freed: list[Callable[[], None]] = []

    def join(self, freed: Callable[[], None]) -> None:
        """One more intake; `freed` is called when there is more room."""
        self._freed.append(freed)

    def free(self) -> int:
        """How many messages one intake may have asked for now."""
        capacity = self._plane.capacity
        if self.aside >= MOST_ASIDE:
            return 0
        return max(0, min(capacity - self.waiting, 2 * capacity - self.in_hand, ceil(capacity / len(self._freed))))

    def enter(self) -> "Place":
        self.in_hand += 1
        self.waiting += 1
        return Place(self)

    def announce(self) -> None:
        for freed in self._freed:
            freed()


class Place:
    """One message's."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiting = True
        self._aside = False

    def inferred(self) -> None:
        """Its inference is done, its result not yet stored. May be called again."""
        if self._waiting:
            self._waiting = False
            self._room.waiting -= 1
            self._room.announce()

    def set_aside(self) -> None:
        """It waits for others from now on: its place is another message's. May be called again."""
        self.inferred()
        if not self._aside:
            self._aside = True
            self._room.in_hand -= 1
            self._room.aside += 1
            self._room.announce()

    def leave(self) -> None:
        """It is done with."""
        self.inferred()
        if self._aside:
            self._room.aside -= 1
        else:
            self._room.in_hand -= 1
        self._room.announce()
