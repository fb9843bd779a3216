"""Which events a reader has not seen yet: doubles fall away by id, and what a deposed owner published by its epoch.

A camera's lease has one owner at a time; its revision, the epoch, is in every event. Once a higher epoch was seen,
what a process of a lower one publishes afterwards is not the camera's any more. What was *stored* before the higher
epoch began is the camera's all the same, however late it is delivered. Within an epoch no order is enforced: an
event that is delivered again after later ones is a double by its id, or was never seen.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from vedette.event_parser import Event
from vedette.messages import Detections

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REMEMBERED_IDS = 10_000
REMEMBERED_FEEDS = 10_000


class Verdict(Enum):
    """What is to be done with an event."""

    NEW = "new"
    REPEATED = "repeated"
    """An event with this id was seen."""
    SUPERSEDED = "superseded"
    """Another gateway had taken the camera over when it was stored."""


@dataclass(frozen=True, slots=True)
class _Reign:
    epoch: int
    since: int
    """Position in the stream of the first event seen of it."""


class EventOrder:
    """Remembers the last 10,000 ids, and the epochs of the last 10,000 feeds (site, camera, pipeline)."""

    def __init__(self, ids: int = REMEMBERED_IDS, feeds: int = REMEMBERED_FEEDS) -> None:
        self._ids: Recent[str, None] = Recent(ids)
        self._reigns: Recent[tuple[str, str, str], _Reign] = Recent(feeds)

    def judge(self, event: Event, position: int) -> Verdict:
        """Whether a reader should get `event`, which stands at `position` in its stream."""
        if event.id in self._ids:
            return Verdict.REPEATED
        self._ids.put(event.id, None)
        if isinstance(event.data, Detections) and self._is_superseded(event.data, position):
            return Verdict.SUPERSEDED
        return Verdict.NEW

    def _is_superseded(self, data: Detections, position: int) -> bool:
        feed, epoch = (data.site, data.camera, data.pipeline), data.frame.epoch
        reign = self._reigns.get(feed)
        if reign is not None and epoch < reign.epoch:
            return position > reign.since
        since = position if reign is None or epoch > reign.epoch else min(position, reign.since)
        self._reigns.put(feed, _Reign(epoch, since))
        return False


class Recent(Generic[K, V]):
    """A mapping of the `size` keys that were put last; older ones are forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value of `key`, None where it is not (any more) there."""
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember `key` as the latest."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
