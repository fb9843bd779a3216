"""Whether an object is in a zone, with inertia: the edge has a width, and within it nothing changes."""

import math
from dataclasses import dataclass

from events.settings import Zone
from vedette.geometry import Point, area, contains, depth, sides

_EDGE = 0.08
"""Half of the edge's width, in sizes of the box: feet of a detected walker jump so far."""
_THIN = 0.25
"""No more than this share of a thin zone's width, or nothing could enter it."""


@dataclass(slots=True)
class Presence:
    """One object's in one zone; plain data."""

    inside: bool = False
    since_s: float = 0.0
    """When it came in."""
    said: bool = False
    """`zone.enter` was published."""


class ZoneEdge:
    """A zone's geometry, with what is worked out once."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._polygon = zone.polygon
        around = sum(math.dist(start, end) for start, end in sides(zone.polygon))
        self._most = _THIN * 2 * area(zone.polygon) / around
        xs, ys = [x for x, _ in zone.polygon], [y for _, y in zone.polygon]
        self._around = min(xs), min(ys), max(xs), max(ys)

    def is_inside(self, was_inside: bool | None, anchor: Point, size: float) -> bool:
        """Whether `anchor` is in it, of a box of `size` (fractions of the picture); `was_inside` None: seen first."""
        left, top, right, bottom = self._around
        beyond = max(left - anchor[0], anchor[0] - right, top - anchor[1], anchor[1] - bottom)
        if beyond > self._most:
            return False
        found = contains(self._polygon, anchor)
        if was_inside is None or found == was_inside:
            return found
        if abs(depth(self._polygon, anchor)) > min(_EDGE * size, self._most):
            return found
        return was_inside
