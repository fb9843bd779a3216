"""The camera's clock is believed where it can be right, and never decides more than a frame's time of capture."""

import itertools
from typing import Any

import pytest

from gateway.reading.capture_clock import CaptureClock

NOW = 1_790_000_000.0
FPS = 10


def near(time_s: float) -> Any:
    """`pytest.approx` alone would take half an hour for equal."""
    return pytest.approx(time_s, abs=0.001)


def play(clock: CaptureClock, frames: range, off_s: float, delay_s: float = 0.2) -> list[tuple[float, bool]]:
    """Captured at NOW + n / FPS, arriving `delay_s` later, by a camera whose clock is `off_s` ahead."""
    answers = []
    for n in frames:
        captured_at = NOW + n / FPS
        clock.note(n / FPS, captured_at + off_s, captured_at + delay_s)
        answers.append(clock.captured(n / FPS, captured_at + delay_s))
    return answers


def test_a_camera_that_tells_no_clock_gives_times_of_arrival() -> None:
    clock = CaptureClock()
    clock.note(1.0, None, NOW)
    assert clock.captured(1.0, NOW) == (NOW, False)
    assert clock.off_s is None


def test_a_clock_near_ours_gives_the_time_of_capture() -> None:
    answers = play(CaptureClock(), range(100), off_s=0.1)
    assert answers == [(near(NOW + n / FPS + 0.1), True) for n in range(100)]


def test_frames_in_display_order_get_their_own_times_though_packets_came_in_another() -> None:
    clock = CaptureClock()
    for n, pts in enumerate((0, 3, 1, 2)):
        clock.note(pts / FPS, NOW + pts / FPS, NOW + 0.3 + n / FPS)
    answers = [clock.captured(pts / FPS, NOW + 0.3 + n / FPS) for pts, n in ((0, 0), (1, 2), (2, 3), (3, 1))]
    assert answers == [(near(NOW + pts / FPS), True) for pts in range(4)]


@pytest.mark.parametrize("off_s", [7200.0, -7200.0, 6.0, -6.0, -1.7e9])
def test_a_clock_far_off_is_not_believed_and_how_far_is_told(off_s: float) -> None:
    clock = CaptureClock()
    assert play(clock, range(100), off_s) == [(near(NOW + n / FPS + 0.2), False) for n in range(100)]
    assert clock.off_s == pytest.approx(-off_s, abs=0.5)


def test_no_frame_was_captured_after_it_arrived() -> None:
    answers = play(CaptureClock(), range(100), off_s=3.0)
    assert answers == [(near(NOW + n / FPS + 0.2), True) for n in range(100)]


def test_a_stall_on_the_way_is_no_wrong_clock() -> None:
    clock = CaptureClock()
    play(clock, range(50), off_s=0.0)
    late = play(clock, range(50, 60), off_s=0.0, delay_s=12.0)
    assert late == [(near(NOW + n / FPS), True) for n in range(50, 60)]


@pytest.mark.parametrize("leap_s", [3600.0, -3600.0, 2.0, -2.0])
def test_times_never_go_back_over_a_step_of_the_clock_by_more_than_the_delay(leap_s: float) -> None:
    clock = CaptureClock()
    answers = play(clock, range(100), 0.0) + play(clock, range(100, 800), leap_s) + play(clock, range(800, 1600), 0.0)
    assert all(later - earlier > -2.3 for (earlier, _), (later, _) in itertools.pairwise(answers))
    assert all(abs(at - NOW - n / FPS) < 2.3 for n, (at, _) in enumerate(answers))
    assert answers[-1] == (near(NOW + 159.9), True)


def test_a_clock_that_is_set_right_is_believed_again() -> None:
    clock = CaptureClock()
    assert not play(clock, range(100), 7200.0)[-1][1]
    assert play(clock, range(100, 200), 0.0)[-1] == (near(NOW + 19.9), True)
    assert clock.off_s is None


def test_a_frame_without_time_stamp_or_of_another_time_line_is_dated_by_its_arrival() -> None:
    clock = CaptureClock()
    play(clock, range(10), 0.0)
    assert clock.captured(None, NOW + 1.2) == (NOW + 1.2, False)
    assert clock.captured(5000.0, NOW + 1.3) == (NOW + 1.3, False)


@pytest.mark.parametrize("tells", [True, False])
def test_times_follow_our_own_clock_when_that_is_set_back(tells: bool) -> None:
    clock = CaptureClock()
    for n, back_s in ((0, 0.0), (1, 0.0), *((n, 3600.0) for n in range(2, 900))):
        arrived_at = NOW + n / FPS - back_s
        clock.note(n / FPS, NOW + n / FPS - 7200 if tells else None, arrived_at)
        assert clock.captured(n / FPS, arrived_at) == (arrived_at, False)
    assert clock.off_s == (pytest.approx(3600) if tells else None)
