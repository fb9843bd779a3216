"""How far keyframes are apart."""

import pytest

from gateway.gate.keyframe_gap import KeyframeGap


def test_the_gap_is_unknown_before_anything_came() -> None:
    assert KeyframeGap().seconds is None


def test_the_longest_of_the_last_gaps_counts() -> None:
    gap = KeyframeGap()
    for time_s in (0.0, 2.0, 4.0, 9.0, 11.0):
        gap.packet(time_s, keyframe=True)
    assert gap.seconds == pytest.approx(5.0)
    for time_s in (13.0, 15.0, 17.0, 19.0):
        gap.packet(time_s, keyframe=True)
    assert gap.seconds == pytest.approx(2.0)


def test_a_gap_counts_while_it_lasts() -> None:
    gap = KeyframeGap()
    gap.packet(0.0, keyframe=True)
    gap.packet(7.0, keyframe=False)
    assert gap.seconds == pytest.approx(7.0)


@pytest.mark.parametrize("jump_s", [-1000.0, 1000.0])
def test_a_jump_of_time_is_no_gap(jump_s: float) -> None:
    gap = KeyframeGap()
    for time_s in (0.0, 2.0, 2.0 + jump_s, 4.0 + jump_s):
        gap.packet(time_s, keyframe=True)
    assert gap.seconds == pytest.approx(2.0)
