"""What is still to be sent to one viewer: bounded, however slowly it is taken. Pure.

Of what has a state (a camera, the bus) the newest is kept. Of events the oldest are dropped, and counted. Pictures are
only named here, and looked up when it is their turn: what a slow viewer gets is fewer pictures, each the newest.
A picture is sent when the viewer has drawn those before it, but for two.
"""

from collections import deque
from typing import NamedTuple

from gateway.console.scene import Place

EVENTS_AT_MOST = 100
UNDRAWN_AT_MOST = 2
"""Pictures under way or being drawn: one on its way while the one before is drawn."""


class PictureOf(NamedTuple):
    """It is this one's turn."""

    place: Place


class Outbox:
    """Filled by the hub, emptied by the viewer's sender."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._events: deque[str] = deque()
        self._missed = 0
        self._pictures: dict[Place, None] = {}
        self._undrawn = 0

    def state(self, key: str, message: str) -> None:
        """The newest about `key`."""
        self._states.pop(key, None)
        self._states[key] = message

    def event(self, message: str) -> None:
        """Something happened."""
        if len(self._events) == EVENTS_AT_MOST:
            self._events.popleft()
            self._missed += 1
        self._events.append(message)

    def picture(self, place: Place) -> None:
        """There is a newer picture of a place."""
        self._pictures.setdefault(place)

    def forget(self, place: Place) -> None:
        """It is not looked at any more."""
        self._pictures.pop(place, None)

    def drawn(self) -> None:
        """The viewer has drawn a picture."""
        self._undrawn = max(0, self._undrawn - 1)

    def has_room(self, place: Place) -> bool:
        """Whether a new picture of the place would be sent soon: else there is no use in reading one."""
        return place not in self._pictures or self._undrawn < UNDRAWN_AT_MOST

    @property
    def waiting(self) -> int:
        """How much is kept here."""
        return len(self._states) + len(self._events) + len(self._pictures)

    def next(self) -> str | PictureOf | None:
        """What is to be sent now: states, then events, then pictures in turn. None: nothing."""
        if self._states:
            return self._states.pop(next(iter(self._states)))
        if self._missed:
            missed, self._missed = self._missed, 0
            return f'{{"type":"missed","events":{missed}}}'
        if self._events:
            return self._events.popleft()
        if self._pictures and self._undrawn < UNDRAWN_AT_MOST:
            place = next(iter(self._pictures))
            del self._pictures[place]
            self._undrawn += 1
            return PictureOf(place)
        return None
