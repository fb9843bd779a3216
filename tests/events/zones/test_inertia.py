"""Zones and lines with objects that jitter, as detectors make them."""

import random
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from events.settings import Line, Zone
from events.zones.crossing import begun, cross
from events.zones.presence import ZoneEdge
from vedette.geometry import Point, depth, side_of

YARD = Zone("yard", ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)))
STRIP = Zone("strip", ((0.1, 0.5), (0.9, 0.5), (0.9, 0.52), (0.1, 0.52)))
DOOR = Line("door", (0.5, 0.9), (0.5, 0.1))
SIZE = 0.1
points = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0))


def test_who_stands_on_the_edge_and_jitters_does_not_come_and_go() -> None:
    edge, chance = ZoneEdge(YARD), random.Random(4)
    inside, changes = edge.is_inside(None, (0.5, 0.8), SIZE), 0
    for _ in range(200):
        now = edge.is_inside(inside, (0.5, 0.8 + chance.uniform(-0.007, 0.007)), SIZE)
        changes += now != inside
        inside = now
    assert changes == 0


def test_a_strip_thinner_than_the_jitter_is_entered_all_the_same() -> None:
    edge = ZoneEdge(STRIP)
    assert edge.is_inside(False, (0.5, 0.51), 0.5)
    assert not edge.is_inside(True, (0.5, 0.55), 0.5)


@given(points, st.booleans())
def test_far_from_the_edge_the_past_does_not_matter(point: Point, was_inside: bool) -> None:
    assume(abs(depth(YARD.polygon, point)) > SIZE)
    assert ZoneEdge(YARD).is_inside(was_inside, point, SIZE) == (depth(YARD.polygon, point) > 0)


def crossings(way: list[Point], size: float = SIZE) -> list[int]:
    state = begun(DOOR, way[0], size)
    return [side for point in way[1:] if (side := cross(DOOR, state, point, size))]


def test_who_stands_on_the_line_and_jitters_crosses_it_once_at_most() -> None:
    chance = random.Random(5)
    jitter = [(0.5 + chance.uniform(-0.007, 0.007), 0.5) for _ in range(200)]
    assert crossings([(0.3, 0.5), *jitter, (0.7, 0.5)]) == [1]
    assert crossings([(0.3, 0.5), *jitter, (0.3, 0.5)]) == []


def test_the_way_around_the_end_of_a_line_is_no_crossing() -> None:
    assert crossings([(0.4, 0.5), (0.4, 0.95), (0.6, 0.95), (0.6, 0.5)]) == []
    assert crossings([(0.4, 0.5), (0.6, 0.5), (0.6, 0.95), (0.4, 0.95), (0.4, 0.5)]) == [1]


@given(st.lists(points, min_size=2, max_size=30))
def test_crossings_alternate_while_nobody_goes_around(way: list[Point]) -> None:
    # Within the line's height one is right and left of it in turn.
    between = [(x, 0.15 + 0.7 * y) for x, y in way]
    found = crossings(between)
    assert all(one != other for one, other in pairwise(found))
    if found:
        assert side_of((DOOR.start, DOOR.end), between[0]) * found[0] <= SIZE


@given(st.lists(points, min_size=2, max_size=30))
def test_the_way_back_has_the_opposite_crossings(way: list[Point]) -> None:
    # Without inertia, which looks at what was before.
    assert crossings(way[::-1], 0.0) == [-side for side in crossings(way, 0.0)[::-1]]
