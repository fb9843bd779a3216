"""What is private in the main picture, in the substream's: all of it, and what the main picture doesn't show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.pictures.privacy import PrivacyMask
from gateway.substream.polygons import hidden_in_substream
from vedette.view import WHOLE, View

L_SHAPE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.4), (0.4, 0.4), (0.4, 0.8), (0.2, 0.8))
WIDTH, HEIGHT = 320, 180

views = some.builds(View, *[some.floats(-1, 0.9)] * 2, *[some.floats(0.05, 3)] * 2)
places = some.tuples(some.floats(0.001, 0.999), some.floats(0.001, 0.999))


def hidden(view: View, tolerance: float = 0.0) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Which pixels of the substream's picture are black."""
    planes = [np.full(shape, 200, np.uint8) for shape in ((HEIGHT, WIDTH), *[(HEIGHT // 2, WIDTH // 2)] * 2)]
    PrivacyMask(hidden_in_substream([L_SHAPE], view, tolerance)).blacken(planes, 1.0, converted=False)
    return np.asarray(planes[0] == 0, np.bool_)


def in_l_shape(x: float, y: float) -> bool:
    return (0.2 <= x <= 0.6 and 0.2 <= y <= 0.4) or (0.2 <= x <= 0.4 and 0.2 <= y <= 0.8)


@settings(max_examples=60)
@given(views, some.lists(places, min_size=20, max_size=20))
def test_every_private_place_is_black_whatever_the_view_and_what_the_main_picture_does_not_show_too(
    view: View, asked: list[tuple[float, float]]
) -> None:
    black = hidden(view)
    for u, v in asked:
        x, y = view.x + u * view.width, view.y + v * view.height
        if in_l_shape(x, y) or not (0 <= x <= 1 and 0 <= y <= 1):
            assert black[int(v * HEIGHT), int(u * WIDTH)], (x, y)


@settings(max_examples=40)
@given(some.floats(-0.02, 0.02), some.floats(-0.02, 0.02), some.floats(0.98, 1.02))
def test_a_view_that_is_a_little_off_hides_all_the_same(dx: float, dy: float, scale: float) -> None:
    measured, true = View(0.1, 0.0, 0.8, 1.0), View(0.1 + dx / 4, dy / 4, 0.8 * scale, scale)
    tolerance = measured.apart(true)
    assert (hidden(measured, tolerance) | ~_inside(true)).all()


def test_what_is_not_private_stays_as_it_is() -> None:
    black = hidden(WHOLE)
    ys, xs = np.nonzero(black)
    assert (xs.min(), ys.min()) >= (0.2 * WIDTH - 8, 0.2 * HEIGHT - 8)
    assert not black[int(0.6 * HEIGHT), int(0.5 * WIDTH)], "the corner that the L leaves open"
    assert not hidden_in_substream([], View(-1, -1, 3, 3), 0.01)


@pytest.mark.parametrize("view", [View(0.9, 0.9, 0.05, 0.05), View(0.3, 0.3, 0.05, 0.05)])
def test_a_view_of_a_small_part_is_black_where_that_is_private_and_only_there(view: View) -> None:
    assert hidden(view, 0.01).all() == in_l_shape(view.x, view.y)


def _inside(view: View) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Which pixels of a substream with this view show the L."""
    v, u = np.indices((HEIGHT, WIDTH))
    x, y = view.x + (u + 0.5) / WIDTH * view.width, view.y + (v + 0.5) / HEIGHT * view.height
    upright, lying = (
        (x >= 0.2) & (x <= 0.4) & (y >= 0.2) & (y <= 0.8),
        (x >= 0.2) & (x <= 0.6) & (y >= 0.2) & (y <= 0.4),
    )
    return np.asarray(upright | lying, np.bool_)
