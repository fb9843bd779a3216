"""Decoding keyframes only pays where no sample can fall between them; it must never cost one."""

from collections.abc import Iterable

import pytest

from gateway.decode_strategy import DecodeStrategy
from gateway.sampler import Sampling


def modes(strategy: DecodeStrategy, keyframe_times: Iterable[float]) -> list[bool]:
    """Whether only keyframes are decoded after each keyframe; a frame follows 0.04 s after each."""
    result = []
    for time_s in keyframe_times:
        at_keyframe = strategy.observe(True, time_s)
        assert strategy.observe(False, time_s + 0.04) == at_keyframe
        result.append(at_keyframe)
    return result


def test_all_is_decoded_until_two_gaps_were_seen() -> None:
    assert modes(DecodeStrategy([Sampling(0.5)]), [0, 2, 4, 6]) == [False, False, True, True]


def test_a_rate_above_that_of_the_keyframes_needs_all() -> None:
    assert modes(DecodeStrategy([Sampling(2)]), range(0, 20, 2)) == [False] * 10


def test_keyframe_sampling_needs_keyframes_only_from_the_first_packet() -> None:
    strategy = DecodeStrategy([Sampling(keyframes=True), Sampling(0.1, keyframes=True)])
    assert strategy.observe(False, 0.0)
    assert modes(strategy, [0, 2]) == [True, True]


def test_the_most_demanding_pipeline_decides() -> None:
    assert not DecodeStrategy([Sampling(keyframes=True), Sampling(5)]).observe(False, 0.0)
    assert modes(DecodeStrategy([Sampling(keyframes=True), Sampling(1), Sampling(0.1)]), range(5))[-1]


def test_every_frame_wanted_means_all_decoded() -> None:
    assert not any(modes(DecodeStrategy([Sampling()]), range(5)))


def test_it_goes_back_at_a_keyframe_when_gaps_grow_and_not_for_a_little() -> None:
    strategy = DecodeStrategy([Sampling(0.5)])
    assert modes(strategy, [0, 2, 4, 6.2, 8.6]) == [False, False, True, True, True]
    assert strategy.observe(False, 12.0)  # within the gap nothing can be decoded anyway
    assert modes(strategy, [12.6, 14.6, 16.6, 18.6, 20.6]) == [False, False, False, True, True]


def test_a_gap_just_over_the_interval_does_not_begin_keyframes_only() -> None:
    assert not any(modes(DecodeStrategy([Sampling(0.5)]), [0, 2.1, 4.2, 6.3]))


@pytest.mark.parametrize("odd", [None, 1.0, -50.0])
def test_missing_and_backward_times_are_no_gaps(odd: float | None) -> None:
    strategy = DecodeStrategy([Sampling(0.5)])
    strategy.observe(True, 10.0)
    strategy.observe(True, odd)
    assert strategy.keyframe_gap_s is None


def test_a_restart_does_not_count_the_pause_as_a_gap() -> None:
    strategy = DecodeStrategy([Sampling(0.5)])
    assert modes(strategy, [0, 2, 4])[-1]
    strategy.restart()
    assert modes(strategy, [100, 102])[-1]
    assert strategy.keyframe_gap_s == 2


def test_once_forbidden_all_is_decoded_from_the_next_keyframe_on() -> None:
    strategy = DecodeStrategy([Sampling(keyframes=True)])
    strategy.forbid()
    assert strategy.observe(False, 0.0)
    assert modes(strategy, [1, 2, 3]) == [False] * 3
