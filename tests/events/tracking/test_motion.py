"""The filter: in seconds, not in frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.tracking.motion import Motion

BOX = (0.5, 0.5, 0.06, 0.15)


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 10.0])
def test_it_learns_a_speed_at_any_rate(fps: float) -> None:
    motion = Motion.begun(BOX)
    for n in range(1, int(4 * fps) + 1):
        motion.advance(1 / fps)
        motion.correct((0.5 + 0.1 * n / fps, 0.5, 0.06, 0.15), 0.8)
    assert motion.vx == pytest.approx(0.1, abs=0.03)
    assert motion.vy == pytest.approx(0.0, abs=0.01)
    assert motion.x == pytest.approx(0.9, abs=0.02)


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=6))
def test_a_gap_is_the_same_in_one_piece_or_in_several(gaps_s: list[float]) -> None:
    whole, pieces = Motion.begun(BOX), Motion.begun(BOX)
    whole.vx = pieces.vx = 0.1
    whole.advance(sum(gaps_s))
    for gap_s in gaps_s:
        pieces.advance(gap_s)
    assert pieces.x == pytest.approx(whole.x)
    assert pieces.vx == pytest.approx(whole.vx)
    assert (pieces.p, pieces.c, pieces.v) == pytest.approx((whole.p, whole.c, whole.v))


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(-0.05, 0.05), st.booleans()), max_size=60))
def test_its_uncertainty_stays_a_covariance(steps: list[tuple[float, float, bool]]) -> None:
    motion = Motion.begun(BOX)
    for gap_s, off, seen in steps:
        motion.advance(gap_s)
        if seen:
            motion.correct((0.5 + off, 0.5 - off, 0.06, 0.15), 0.6)
        assert motion.p > 0 and motion.v > 0
        assert motion.c**2 <= motion.p * motion.v * (1 + 1e-9)


def test_what_is_held_stays_and_what_is_released_may_be_anywhere_near() -> None:
    motion = Motion.begun(BOX)
    motion.vx = 0.2
    motion.stop()
    before = motion.spread()
    motion.advance(1.0)
    assert motion.x == BOX[0]
    motion.release()
    motion.advance(1.0)
    assert motion.spread() > 4 * before
