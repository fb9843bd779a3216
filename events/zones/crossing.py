"""Whether an object crossed a line: it was clearly on one side, is clearly on the other, and its way led through."""

from dataclasses import dataclass

from events.settings import Line
from vedette.geometry import Point, Segment, crosses, side_of

_EDGE = 0.08
"""Half of the line's width, in sizes of the box."""


@dataclass(slots=True)
class Side:
    """One object's, of one line; plain data."""

    anchor: Point
    """Where it was last seen."""
    side: int
    """Where it was clearly last: 1 right, -1 left; 0: nowhere yet, it appeared on the line."""
    through: bool = False
    """Its way since then led through the line an odd number of times."""


def begun(line: Line, anchor: Point, size: float) -> Side:
    """An object seen first at `anchor`, its box of `size`."""
    return Side(anchor, _clear_side(line, anchor, size))


def cross(line: Line, state: Side, anchor: Point, size: float) -> int:
    """Go on to `anchor`, of a box of `size` (fractions of the picture); 1: it crossed to the right, -1: to the left."""
    segment: Segment = (line.start, line.end)
    if crosses((state.anchor, anchor), segment):
        state.through = not state.through
    state.anchor = anchor
    side = _clear_side(line, anchor, size)
    if side == 0:
        return 0
    crossed = side if side == -state.side and state.through else 0
    state.side, state.through = side, False
    return crossed


def _clear_side(line: Line, anchor: Point, size: float) -> int:
    distance = side_of((line.start, line.end), anchor)
    return 0 if abs(distance) <= _EDGE * size else 1 if distance > 0 else -1
