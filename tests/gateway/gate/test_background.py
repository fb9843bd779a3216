"""What a scene looks like when nothing happens."""

import cv2
import numpy as np
import pytest

from gateway.gate.background import Background, HighPass, Plane, Spread
from tests.gateway.gate.synthetic import SHAPE, Scene

LOOK = 0.005
"""The rate of a look every 0.2 s with a time constant of 40 s."""


def test_a_path_that_people_cross_now_and_then_stays_as_sensitive_as_it_was() -> None:
    chance = np.random.default_rng(1)
    spread = Spread((1,), first=4.0, least=1.25)
    for look in range(5 * 600):
        passing = look % 50 < 10  # 2 s of every 10
        spread.learn(np.full(1, 60.0 if passing else chance.normal(0, 1.5), np.float32), LOOK)
    assert spread.levels[0] < 4


def test_leaves_that_never_rest_are_learned_within_two_minutes() -> None:
    chance = np.random.default_rng(1)
    spread = Spread((1,), first=1.25, least=1.25)
    for _ in range(5 * 120):
        spread.learn(np.full(1, chance.normal(0, 15), np.float32), LOOK)
    assert spread.levels[0] > 10


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.6, -0.4)])
def test_gain_and_shift_leave_little(gain: float, shift: tuple[float, float]) -> None:
    high_pass = HighPass(SHAPE, ())
    ground = Scene().ground * 0.6
    background = Background(high_pass.detail(ground.astype(np.uint8)), high_pass.counted)
    moved = cv2.warpAffine(
        ground, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), SHAPE[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    detail = high_pass.detail(np.asarray(moved * gain, np.uint8))
    assert _middle(background.residual(detail)) < 1.5
    if gain != 1 or shift != (0.0, 0.0):
        assert _middle(detail - background.mean) > 2 * _middle(background.residual(detail))


def _middle(residual: Plane) -> float:
    return float(np.abs(residual[5:-5, 5:-5]).mean())


def test_what_is_ignored_has_no_part_in_the_brightness_around_it() -> None:
    high_pass = HighPass(SHAPE, [((0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6))])
    dark, bright = np.full(SHAPE, 90, np.uint8), np.full(SHAPE, 90, np.uint8)
    bright[60:100, 110:180] = 255
    change = (high_pass.detail(bright) - high_pass.detail(dark)) * high_pass.counted
    assert np.abs(change).max() < 0.1
    assert np.abs(HighPass(SHAPE, ()).detail(bright) - high_pass.detail(dark)).max() > 100
