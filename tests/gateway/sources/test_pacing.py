"""Files at a camera's pace."""

import pytest

from gateway.sources.pacing import Pacer


def test_packets_wait_for_their_media_time() -> None:
    pacer = Pacer()
    assert pacer.delay_s(5.0, 100.0) == 0
    assert pacer.delay_s(5.4, 100.1) == pytest.approx(0.3)
    assert pacer.delay_s(5.4, 100.6) == 0


def test_a_small_delay_is_caught_up_and_a_long_one_is_not() -> None:
    pacer = Pacer()
    pacer.delay_s(0.0, 100.0)
    assert pacer.delay_s(1.0, 101.5) == 0
    assert pacer.delay_s(2.0, 101.5) == pytest.approx(0.5)
    assert pacer.delay_s(3.0, 200.0) == 0
    assert pacer.delay_s(4.0, 200.0) == pytest.approx(1.0)


@pytest.mark.parametrize("jump", [-50.0, 50.0])
def test_a_jump_of_the_time_line_is_not_waited_for(jump: float) -> None:
    pacer = Pacer()
    pacer.delay_s(100.0, 0.0)
    assert pacer.delay_s(100 + jump, 0.04) == 0
    assert pacer.delay_s(100.04 + jump, 0.04) == pytest.approx(0.04)
