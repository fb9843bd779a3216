"""How much of a lane of the batcher the intakes of several pipelines may have in hand together."""

from collections.abc import Callable
from math import ceil
from typing import Protocol


class Capacity(Protocol):
    """How many messages may be in hand at a time; it may change while the process runs."""

    @property
    def capacity(self) -> int: ...


class Room:
    """What one lane of the batcher takes, shared by the intakes of all pipelines: each may ask for its share of it
    while there is room, so that together they have less than twice the capacity in hand even if all come at once."""

    def __init__(self, plane: Capacity) -> None:
        self.in_hand = 0
        self._plane = plane
        self._freed: list[Callable[[], None]] = []

    def join(self, freed: Callable[[], None]) -> None:
        """One more intake; `freed` is called when a message was done with."""
        self._freed.append(freed)

    def free(self) -> int:
        """How many messages one intake may have asked for now."""
        capacity = self._plane.capacity
        return max(0, min(capacity - self.in_hand, ceil(capacity / len(self._freed))))

    def enter(self) -> None:
        self.in_hand += 1

    def leave(self) -> None:
        self.in_hand -= 1
        for freed in self._freed:
            freed()
