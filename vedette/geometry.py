"""Polygons and directed lines in fractions of a picture, origin top left, y downwards. Pure.

The configuration checks what people draw with `check_polygon` and `check_line`; `events/` asks where things are.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Polygon: TypeAlias = Sequence[Point]
"""Its corners in order, at least three; the last is joined to the first."""
Segment: TypeAlias = tuple[Point, Point]

MIN_AREA = 1e-6
"""Of a polygon, as a share of the picture: less than a pixel of a 1080p picture is a slip of the pen."""
MIN_LENGTH = 1e-3
"""Of a line."""


def check_polygon(corners: Polygon) -> None:
    """Whether it bounds an area of the picture.

    Raises:
        ValueError: fewer than three corners, one outside of 0 to 1, two alike, crossing sides, or no area.
    """
    if len(corners) < 3:
        raise ValueError(f"a polygon needs at least 3 corners, this has {len(corners)}")
    for corner in corners:
        _check_inside(corner, "corner")
    for (index, one), (other, two) in combinations(enumerate(corners), 2):
        if one == two:
            raise ValueError(f"corners {index + 1} and {other + 1} are the same point {_text(one)}")
    crossing = next(_crossing_sides(corners), None)
    if crossing is not None:
        numbers = f"{crossing[0] + 1} and {crossing[1] + 1}"
        raise ValueError(f"its sides {numbers} cross or touch; list the corners in order along the edge")
    if area(corners) < MIN_AREA:
        raise ValueError("it has no area")


def check_line(start: Point, end: Point) -> None:
    """Whether it is a line within the picture.

    Raises:
        ValueError: an end outside of 0 to 1, or no length.
    """
    _check_inside(start, "end")
    _check_inside(end, "end")
    if math.dist(start, end) < MIN_LENGTH:
        raise ValueError(f"the line has no length: it begins and ends at {_text(start)}")


def area(corners: Polygon) -> float:
    """Of a polygon without crossings, 0 to 1 (the shoelace formula)."""
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides(corners))) / 2


def sides(corners: Polygon) -> Iterator[Segment]:
    """Of a polygon, in order."""
    return zip(corners, (*corners[1:], corners[0]), strict=True)


def contains(corners: Polygon, point: Point) -> bool:
    """Whether `point` is inside, by the parity of crossed sides; on the edge either may be said."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in sides(corners):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def depth(corners: Polygon, point: Point) -> float:
    """How far `point` is from the edge: above 0 inside, below 0 outside."""
    distance = min(distance_to(side, point) for side in sides(corners))
    return distance if contains(corners, point) else -distance


def distance_to(segment: Segment, point: Point) -> float:
    """From `point` to the nearest point of `segment`."""
    (x1, y1), (x2, y2) = segment
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy
    along = 0.0 if length == 0 else min(1.0, max(0.0, ((point[0] - x1) * dx + (point[1] - y1) * dy) / length))
    return math.hypot(point[0] - x1 - along * dx, point[1] - y1 - along * dy)


def side_of(line: Segment, point: Point) -> float:
    """Distance from the endless line: above 0 to its right (looking from its start to its end, as the picture is seen),
    below 0 to its left.
    """
    return _turn(line[0], line[1], point) / math.dist(line[0], line[1])


def crosses(one: Segment, other: Segment) -> bool:
    """Whether the step `one` leads through the line `other`: its ends are on different sides, and between its ends.

    A point on the line counts as left of it, so that a path cut into steps is counted once where a corner of it lies on
    the line.
    """
    start_right = _turn(other[0], other[1], one[0]) > 0
    end_right = _turn(other[0], other[1], one[1]) > 0
    if start_right == end_right:
        return False
    first, second = _turn(one[0], one[1], other[0]), _turn(one[0], one[1], other[1])
    return (first <= 0 <= second) or (second <= 0 <= first)


def _crossing_sides(corners: Polygon) -> Iterator[tuple[int, int]]:
    """Pairs of sides that have more in common than the corner of neighbours."""
    all_sides = list(sides(corners))
    last = len(all_sides) - 1
    for (index, one), (other, two) in combinations(enumerate(all_sides), 2):
        if other == index + 1:
            folded = _folds_back(one[0], one[1], two[1])
        elif index == 0 and other == last:
            folded = _folds_back(two[0], two[1], one[1])
        else:
            folded = _touch(one, two)
        if folded:
            yield index, other


def _folds_back(before: Point, corner: Point, after: Point) -> bool:
    back = (before[0] - corner[0]) * (after[0] - corner[0]) + (before[1] - corner[1]) * (after[1] - corner[1])
    return _turn(before, corner, after) == 0 and back > 0


def _touch(one: Segment, other: Segment) -> bool:
    turns = (
        _sign(_turn(*other, one[0])),
        _sign(_turn(*other, one[1])),
        _sign(_turn(*one, other[0])),
        _sign(_turn(*one, other[1])),
    )
    if turns[0] != turns[1] and turns[2] != turns[3]:
        return True
    on_a_side = (
        turns[0] == 0 and _within(other, one[0]),
        turns[1] == 0 and _within(other, one[1]),
        turns[2] == 0 and _within(one, other[0]),
        turns[3] == 0 and _within(one, other[1]),
    )
    return any(on_a_side)


def _within(segment: Segment, point: Point) -> bool:
    (x1, y1), (x2, y2) = segment
    return min(x1, x2) <= point[0] <= max(x1, x2) and min(y1, y2) <= point[1] <= max(y1, y2)


def _turn(one: Point, two: Point, three: Point) -> float:
    """Above 0 where the way one → two → three turns right, as the picture is seen."""
    return (two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _check_inside(point: Point, what: str) -> None:
    if not all(0 <= value <= 1 for value in point):  # false for NaN too
        raise ValueError(f"its {what} {_text(point)} is outside of the picture: x and y are fractions, 0 to 1")


def _text(point: Point) -> str:
    return f"[{point[0]:g}, {point[1]:g}]"
