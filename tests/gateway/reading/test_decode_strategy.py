"""Leaving packets undecoded must never cost a sample, nor begin within a GOP."""

from collections.abc import Iterable

import pytest

from gateway.reading.decode_strategy import Decode, DecodeStrategy

ALL, KEYFRAMES, LAZY = Decode(), Decode(keyframes=True), Decode(lazy=True)


def over(strategy: DecodeStrategy, keyframe_times: Iterable[float]) -> list[Decode]:
    """What is decoded after each keyframe; a frame follows 0.04 s after each."""
    result = []
    for time_s in keyframe_times:
        at_keyframe = strategy.observe(True, time_s)
        assert strategy.observe(False, time_s + 0.04) == at_keyframe
        result.append(at_keyframe)
    return result


def show(strategy: DecodeStrategy, kinds: str, fps: float = 25.0) -> None:
    """A GOP's frames in display order."""
    for number, kind in enumerate(kinds):
        strategy.saw(number / fps, kind != "B", number == 0)


def test_all_is_decoded_until_two_gaps_were_seen() -> None:
    assert over(DecodeStrategy(2.0), [0, 2, 4, 6]) == [ALL, ALL, KEYFRAMES, KEYFRAMES]


def test_a_rate_above_that_of_the_keyframes_is_lazy() -> None:
    assert over(DecodeStrategy(0.5), range(0, 12, 2)) == [ALL, ALL, *[LAZY] * 4]


def test_a_rate_that_would_save_little_decodes_all() -> None:
    assert over(DecodeStrategy(0.1), range(0, 12, 2)) == [ALL] * 6


def test_keyframe_sampling_needs_keyframes_only_from_the_first_packet() -> None:
    strategy = DecodeStrategy(None)
    assert strategy.observe(False, 0.0) == KEYFRAMES
    assert over(strategy, [0, 2]) == [KEYFRAMES] * 2


def test_every_frame_wanted_means_all_decoded() -> None:
    assert over(DecodeStrategy(0), range(5)) == [ALL] * 5


def test_keyframes_only_goes_back_at_a_keyframe_when_gaps_grow_and_not_for_a_little() -> None:
    strategy = DecodeStrategy(2.0)
    assert over(strategy, [0, 2, 4, 6.2, 8.6]) == [ALL, ALL, KEYFRAMES, KEYFRAMES, KEYFRAMES]
    assert strategy.observe(False, 12.0) == KEYFRAMES  # within the gap nothing can be decoded anyway
    assert over(strategy, [12.6, 14.6, 16.6, 18.6, 20.6]) == [LAZY, LAZY, LAZY, KEYFRAMES, KEYFRAMES]


def test_a_gap_just_over_the_interval_does_not_begin_keyframes_only() -> None:
    assert KEYFRAMES not in over(DecodeStrategy(2.0), [0, 2.1, 4.2, 6.3])


@pytest.mark.parametrize("interval_s", [None, 0.5, 2.0])
def test_every_frame_is_decoded_where_that_is_asked_for(interval_s: float | None) -> None:
    assert over(DecodeStrategy(interval_s, every_frame=True), [0, 2, 4, 6]) == [ALL] * 4


def test_another_rate_counts_from_the_next_keyframe_on() -> None:
    strategy = DecodeStrategy(0.5)
    assert over(strategy, [0, 2, 4])[-1] == LAZY
    strategy.interval_s = 2.0
    assert strategy.observe(False, 5.0) == LAZY
    assert over(strategy, [6])[-1] == KEYFRAMES


@pytest.mark.parametrize("odd", [None, 1.0, -50.0])
def test_missing_and_backward_times_are_no_gaps(odd: float | None) -> None:
    strategy = DecodeStrategy(2.0)
    strategy.observe(True, 10.0)
    strategy.observe(True, odd)
    assert strategy.keyframe_gap_s is None


def test_a_restart_does_not_count_the_pause_as_a_gap() -> None:
    strategy = DecodeStrategy(2.0)
    assert over(strategy, [0, 2, 4])[-1] == KEYFRAMES
    strategy.restart()
    assert over(strategy, [100, 102])[-1] == KEYFRAMES
    assert strategy.keyframe_gap_s == 2


@pytest.mark.parametrize("interval_s", [None, 0.5])
def test_once_forbidden_all_is_decoded_from_the_next_keyframe_on(interval_s: float | None) -> None:
    strategy = DecodeStrategy(interval_s)
    before = over(strategy, [0, 2, 4])[-1]
    strategy.forbid()
    assert strategy.observe(False, 4.1) == before
    assert over(strategy, [6, 8, 10]) == [ALL] * 3


def lazy(gap_s: float = 2.0, interval_s: float = 1.0) -> DecodeStrategy:
    """At a keyframe of 100 s."""
    strategy = DecodeStrategy(interval_s)
    over(strategy, [100 - 2 * gap_s, 100 - gap_s, 100])
    return strategy


def test_lazy_leaves_what_follows_the_last_sample_of_a_gop_and_nothing_before() -> None:
    strategy = lazy()
    assert not strategy.leaves(100.0, 100.0)
    assert not strategy.leaves(100.5, 101.0)
    assert not strategy.leaves(101.0, 101.0)
    assert strategy.leaves(101.04, 102.0)
    assert strategy.leaves(101.96, 102.0)


def test_lazy_counts_on_a_keyframe_only_where_the_sample_is_due_about_then() -> None:
    strategy = lazy()
    assert strategy.snap_s == pytest.approx(0.1)
    assert strategy.leaves(101.5, 101.95)
    assert not strategy.leaves(101.5, 101.85)


def test_lazy_gives_in_when_the_keyframe_is_late() -> None:
    strategy = lazy()
    assert strategy.leaves(102.1, 102.0)
    assert not strategy.leaves(102.2, 102.0)
    assert strategy.leaves(102.2, 102.8)  # nobody needs it yet


@pytest.mark.parametrize(("time_s", "due_s"), [(None, 102.0), (101.5, None)])
def test_lazy_leaves_nothing_where_time_is_not_known(time_s: float | None, due_s: float | None) -> None:
    assert not lazy().leaves(time_s, due_s)


def test_lazy_leaves_nothing_where_the_time_line_jumped_back_before_the_sample() -> None:
    strategy = lazy()
    assert strategy.leaves(101.5, 102.0)
    assert not strategy.leaves(101.5, 3702.0)


def test_nonref_begins_where_references_come_often_enough() -> None:
    strategy = DecodeStrategy(0.5)
    strategy.observe(True, 0.0)
    show(strategy, "I" + "BBP" * 8)
    show(strategy, "I")
    assert strategy.observe(True, 1.0) == Decode(nonref=True)


@pytest.mark.parametrize("gop", ["I" + "P" * 24, "I" + "BBBP" * 6, "I" + "B" * 24], ids=["no B", "wide", "B only"])
def test_nonref_does_not_begin_without_b_frames_or_where_samples_would_shift_far(gop: str) -> None:
    strategy = DecodeStrategy(0.5)
    strategy.observe(True, 0.0)
    show(strategy, gop)
    show(strategy, "I")
    assert strategy.observe(True, 1.0) == ALL


def test_nonref_ends_where_fewer_frames_come_than_thought() -> None:
    strategy = DecodeStrategy(0.5)
    strategy.observe(True, 0.0)
    show(strategy, "I" + "BBP" * 8)
    show(strategy, "I")
    assert strategy.observe(True, 1.0).nonref
    show(strategy, "IPPP", fps=2)
    show(strategy, "I")
    assert not strategy.observe(True, 2.0).nonref


def test_what_is_decoded_is_told_in_words() -> None:
    assert [str(decode) for decode in (ALL, KEYFRAMES, LAZY, Decode(lazy=True, nonref=True))] == [
        "all",
        "keyframes",
        "lazy",
        "lazy+nonref",
    ]
