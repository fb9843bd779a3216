"""Where things of a substream's picture are in the main one, and the other way round."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vedette.view import WHOLE, View

RIGHT_HALF = View(0.5, 0.0, 0.5, 1.0)
TALLER = View(0.0, -0.25, 1.0, 1.5)
"""A 4:3 picture of the whole sensor, beside a 16:9 one of its middle."""


def test_boxes_of_a_part_are_where_they_are_in_the_whole() -> None:
    assert RIGHT_HALF.in_main((0.2, 0.1, 0.4, 0.5)) == (0.6, 0.1, 0.2, 0.5)


def test_boxes_are_cut_off_where_the_main_picture_ends() -> None:
    assert TALLER.in_main((0.5, 0.0, 0.1, 0.5)) == (0.5, 0.0, 0.1, 0.5)
    assert TALLER.in_main((0.0, 0.8, 1.0, 0.2)) == (0.0, 0.95, 1.0, 0.05)


def test_boxes_that_the_main_picture_does_not_show_are_none() -> None:
    assert TALLER.in_main((0.5, 0.0, 0.1, 0.1)) is None
    assert TALLER.in_main((0.5, 0.05, 0.1, 0.1166666)) is None


@given(some.builds(View, *[some.floats(-8, 8)] * 2, *[some.floats(0.05, 8)] * 2), some.tuples(*[some.floats(0, 1)] * 4))
def test_a_box_in_the_main_picture_never_leaves_it(view: View, box: tuple[float, float, float, float]) -> None:
    if (there := view.in_main(box)) is not None:
        x, y, width, height = there
        assert 0 <= x <= 1
        assert 0 <= y <= 1
        assert width > 0
        assert height > 0
        assert x + width <= 1 + 1e-9
        assert y + height <= 1 + 1e-9


def test_polygons_of_the_main_picture_may_leave_that_of_the_substream() -> None:
    assert RIGHT_HALF.in_substream([(0.5, 0.0), (1.0, 0.5), (0.0, 1.0)]) == ((0.0, 0.0), (1.0, 0.5), (-1.0, 1.0))


@pytest.mark.parametrize("size", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_a_view_has_an_area(size: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="wider and higher"):
        View(0.0, 0.0, *size)


def test_the_whole_changes_nothing() -> None:
    assert WHOLE.in_main((0.12345, 0.2, 0.3, 0.4)) == (0.12345, 0.2, 0.3, 0.4)
