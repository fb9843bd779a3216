"""Where an object went, in at most 32 points however long it stays."""

import math
from dataclasses import dataclass, field

from vedette.geometry import Point

MOST_POINTS = 32
_FIRST_SPACING = 0.01
_JITTER = 0.2
"""Steps below this share of the box's size are the detector's, not the object's."""


@dataclass(slots=True)
class Path:
    """Plain data. Points are fractions of the picture."""

    points: list[tuple[float, Point]]
    """Seconds since the first, and where."""
    distance: float = 0.0
    """In widths of the picture."""
    spacing: float = _FIRST_SPACING
    corner: Point = field(default=(0.0, 0.0))
    """Where it was last sure to have moved to."""

    @classmethod
    def begun(cls, point: Point) -> "Path":
        return cls([(0.0, point)], corner=point)

    def extend(self, at_s: float, point: Point, size: float, aspect: float) -> None:
        """Go on to `point`, of a box of `size` (widths of the picture), in a picture of width : height `aspect`."""
        step = math.hypot(point[0] - self.corner[0], (point[1] - self.corner[1]) / aspect)
        if step < _JITTER * size:
            return
        self.distance += step
        self.corner = point
        if math.dist(point, self.points[-1][1]) < self.spacing:
            return
        self.points.append((at_s, point))
        if len(self.points) >= MOST_POINTS:
            self.points = self.points[::2]
            self.spacing *= 2

    def summary(self, at_s: float, point: Point) -> list[tuple[float, Point]]:
        """Its points, and its end `point` at `at_s`."""
        if self.points[-1][0] >= at_s:
            return list(self.points)
        return [*self.points, (at_s, point)]
