"""What the annotated video asks of the events service: which object each detection of a recording is."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.events_settings import Line, Mask, Zone
from vedette.messages import DetectionsEvent
from vedette.object_messages import ObjectState
from vedette.subjects import Feed


class Follower(Protocol):
    """Of one recording."""

    @property
    def zones(self) -> Mapping[str, Zone]: ...
    @property
    def lines(self) -> Mapping[str, Line]: ...
    @property
    def masks(self) -> Sequence[Mask]: ...
    def see(self, event: DetectionsEvent) -> Sequence[ObjectState]:
        """The objects in the next frame, those too that no event tells of (yet)."""


Follow = Callable[[Bus, Config, Feed], Coroutine[Any, Any, Follower]]
"""Makes one for a recording; raises BusUnavailable."""
