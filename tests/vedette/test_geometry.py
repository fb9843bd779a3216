"""Polygons and lines: what is refused, and what always holds."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vedette.geometry import (
    Point,
    area,
    check_line,
    check_polygon,
    contains,
    crosses,
    depth,
    distance_to,
    side_of,
)

SQUARE: tuple[Point, ...] = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
fractions = st.floats(0, 1)
points = st.tuples(fractions, fractions)


@st.composite
def stars(draw: st.DrawFn) -> list[Point]:
    """Polygons without crossings: corners at growing angles around the middle."""
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(0.1, 0.49), min_size=count, max_size=count))
    return [
        (0.5 + radius * math.cos(2 * math.pi * n / count), 0.5 + radius * math.sin(2 * math.pi * n / count))
        for n, radius in enumerate(radii)
    ]


@pytest.mark.parametrize(
    ("corners", "why"),
    [
        (((0.1, 0.1), (0.9, 0.9)), "at least 3 corners, this has 2"),
        (((0.1, 0.1), (0.9, 0.1), (0.9, 1.2)), r"corner \[0.9, 1.2\] is outside"),
        (((0.1, 0.1), (0.9, 0.1), (0.9, math.nan)), "is outside"),
        (((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.1)), "corners 1 and 4 are the same point"),
        (((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)), "sides 1 and 3 cross"),
        (((0.1, 0.1), (0.5, 0.5), (0.9, 0.9)), "cross or touch"),
        (((0.1, 0.1), (0.1000001, 0.1), (0.1, 0.1000001)), "no area"),
        # A corner on another side, and a side that runs back along the one before.
        (((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.1), (0.1, 0.9)), "cross or touch"),
        (((0.1, 0.1), (0.9, 0.1), (0.5, 0.1), (0.5, 0.9)), "cross or touch"),
    ],
)
def test_what_is_no_area_is_refused(corners: tuple[Point, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_polygon(corners)


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [((0.1, 0.1), (0.1, 0.1), "no length"), ((-0.1, 0.1), (0.5, 0.5), r"end \[-0.1, 0.1\] is outside")],
)
def test_what_is_no_line_is_refused(start: Point, end: Point, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_line(start, end)


@given(stars())
def test_polygons_without_crossings_are_taken_whatever_corner_is_first(corners: list[Point]) -> None:
    for n in range(len(corners)):
        check_polygon([*corners[n:], *corners[:n]])
        check_polygon([*corners[n:], *corners[:n]][::-1])


@given(st.integers(4, 9), st.integers(0, 7))
def test_exchanging_corners_that_makes_sides_cross_is_refused(count: int, first: int) -> None:
    turns = [2 * math.pi * n / count for n in range(count)]
    convex = [(0.5 + 0.4 * math.cos(turn), 0.5 + 0.4 * math.sin(turn)) for turn in turns]
    one = first % (count - 1)
    convex[one], convex[one + 1] = convex[one + 1], convex[one]
    with pytest.raises(ValueError, match="cross"):
        check_polygon(convex)


@given(stars(), points)
def test_inside_does_not_depend_on_order_or_on_the_first_corner(corners: list[Point], point: Point) -> None:
    assume(abs(depth(corners, point)) > 1e-9)
    inside = contains(corners, point)
    assert contains(corners[::-1], point) == inside
    assert contains([*corners[1:], corners[0]], point) == inside


@given(stars(), points)
def test_depth_is_the_way_to_the_edge(corners: list[Point], point: Point) -> None:
    found = depth(corners, point)
    assume(abs(found) > 1e-9)
    assert (found > 0) == contains(corners, point)
    # No point that is nearer than the edge is on its other side.
    for angle in range(8):
        near = (
            point[0] + 0.99 * abs(found) * math.cos(angle),
            point[1] + 0.99 * abs(found) * math.sin(angle),
        )
        assert contains(corners, near) == contains(corners, point)


@given(stars())
def test_area_is_what_a_grid_counts(corners: list[Point]) -> None:
    grid = [(x / 40 + 0.0121, y / 40 + 0.0113) for x in range(40) for y in range(40)]
    counted = sum(contains(corners, point) for point in grid) / len(grid)
    assert counted == pytest.approx(area(corners), abs=0.06)


@given(st.lists(points, min_size=2, max_size=12), points, points)
def test_a_path_crosses_an_endless_line_as_often_as_its_ends_say(way: list[Point], start: Point, end: Point) -> None:
    assume(math.dist(start, end) > 0.01)
    # So long that no path in the picture goes around its ends.
    far = 200 / math.dist(start, end)
    dx, dy = (end[0] - start[0]) * far, (end[1] - start[1]) * far
    line = ((start[0] - dx, start[1] - dy), (end[0] + dx, end[1] + dy))
    assume(all(abs(side_of(line, point)) > 1e-6 for point in way))
    crossed = sum(crosses(step, line) for step in pairwise(way))
    assert crossed % 2 == ((side_of(line, way[0]) > 0) != (side_of(line, way[-1]) > 0))


@given(points, points, points, points)
def test_crossing_is_the_same_in_both_directions(a: Point, b: Point, c: Point, d: Point) -> None:
    assume(math.dist(c, d) > 0.01 and abs(side_of((c, d), a)) > 1e-6 < abs(side_of((c, d), b)))
    assert crosses((a, b), (c, d)) == crosses((b, a), (c, d)) == crosses((a, b), (d, c))


@given(points, points, points)
def test_distance_to_a_segment_is_no_less_than_to_its_line_and_no_more_than_to_its_ends(
    a: Point, b: Point, point: Point
) -> None:
    assume(math.dist(a, b) > 0.01)
    distance = distance_to((a, b), point)
    assert abs(side_of((a, b), point)) <= distance + 1e-9
    assert distance <= min(math.dist(a, point), math.dist(b, point)) + 1e-9


def test_right_of_a_line_is_right_as_the_picture_is_seen() -> None:
    upwards = ((0.5, 0.9), (0.5, 0.1))
    assert side_of(upwards, (0.7, 0.5)) == pytest.approx(0.2)
    assert side_of(upwards, (0.3, 0.5)) == pytest.approx(-0.2)
    assert depth(SQUARE, (0.5, 0.5)) == pytest.approx(0.3)
