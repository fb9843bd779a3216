"""What happened lately, in lines; and how many are in each zone. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from operator import itemgetter

from vedette.event_parser import Event
from vedette.object_messages import EventData, ZoneEnter, ZoneLeave
from vedette.watching.story import said

SHOWN_S = 4.0
MOST_LINES = 6


class Captions:
    """Of one recording's events."""

    def __init__(self, events: Iterable[Event]) -> None:
        lines: list[tuple[float, str]] = []
        self._occupancy: dict[str, list[tuple[float, int]]] = {}
        for event in events:
            data = event.data
            if not isinstance(data, EventData) or data.frame.pts is None:
                continue
            text = said(data)
            if text is not None:
                lines.append((data.frame.pts, text))
            if isinstance(data, ZoneEnter | ZoneLeave):
                self._occupancy.setdefault(data.zone, []).append((data.frame.pts, data.occupancy))
        self._lines = sorted(lines, key=itemgetter(0))

    def at(self, at_s: float) -> list[str]:
        """The lines of the last seconds up to `at_s`, the oldest first; the newest, where there are many."""
        first = bisect_right(self._lines, at_s - SHOWN_S, key=itemgetter(0))
        last = bisect_right(self._lines, at_s, key=itemgetter(0))
        return [text for _, text in self._lines[max(first, last - MOST_LINES) : last]]

    def inside(self, zone: str, at_s: float) -> int:
        """How many objects are in a zone then."""
        known = self._occupancy.get(zone, [])
        index = bisect_right(known, at_s, key=itemgetter(0))
        return known[index - 1][1] if index else 0
