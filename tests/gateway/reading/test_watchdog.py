"""Silence is a stall, then the end; a slow stream is neither."""

from gateway.reading.watchdog import Pulse, Watchdog


def test_a_stream_silent_from_the_start_stalls_and_dies() -> None:
    watchdog = Watchdog(5, 10, now_s=100)
    pulses = [watchdog.check(100 + silent_s, None) for silent_s in (4.9, 5, 9.9, 10)]
    assert pulses == [Pulse.ALIVE, Pulse.STALLED, Pulse.STALLED, Pulse.DEAD]


def test_a_frame_brings_it_back() -> None:
    watchdog = Watchdog(5, 10, now_s=0)
    assert watchdog.check(7, None) is Pulse.STALLED
    watchdog.feed(7)
    assert watchdog.check(11, None) is Pulse.ALIVE


def test_the_limit_follows_the_gap_of_the_keyframes() -> None:
    watchdog = Watchdog(5, 10, now_s=0)
    pulses = [watchdog.check(silent_s, 4.0) for silent_s in (9.9, 10, 14.9, 15)]
    assert pulses == [Pulse.ALIVE, Pulse.STALLED, Pulse.STALLED, Pulse.DEAD]
    assert watchdog.check(5, 1.0) is Pulse.STALLED
