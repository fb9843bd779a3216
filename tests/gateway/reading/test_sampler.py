"""Sampling: rates on the stream's own time line, without drift, bursts or starvation."""

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reading.sampler import Sampler, Sampling


def taken(
    fps: float | None, times: Iterable[float | None], keyframe_every: int = 0, clock: Sequence[float] = ()
) -> list[int]:
    """The indices of the frames taken from PTS `times`; frames arrive every 40 ms, or as `clock` says."""
    sampler = Sampler(Sampling(fps, keyframes=bool(keyframe_every)))
    key = keyframe_every or 1
    nows = clock or [i * 0.04 for i in range(100_000)]
    return [i for i, pts in enumerate(times) if sampler.due(pts, nows[i], i % key == 0)]


def stream(fps: float, seconds: float, start: float = 0.0) -> list[float | None]:
    return [start + i / fps for i in range(int(fps * seconds))]


@pytest.mark.parametrize(("source", "fps"), [(25, 2), (25, 10), (30, 7), (29.97, 5), (12.5, 3), (25, 24)])
def test_the_rate_over_a_minute_is_the_one_asked_for(source: float, fps: float) -> None:
    assert len(taken(fps, stream(source, 60))) == pytest.approx(60 * fps, abs=1)


@pytest.mark.parametrize(("source", "fps"), [(25, 25), (25, 26), (25, 30), (25, 1000), (10, 25), (29.97, 30)])
def test_at_or_above_the_streams_own_rate_every_frame_is_taken(source: float, fps: float) -> None:
    assert len(taken(fps, stream(source, 20))) == len(stream(source, 20))


def test_without_a_rate_every_frame_is_taken() -> None:
    assert len(taken(None, stream(25, 2))) == 50


def test_rounded_and_jittering_pts_do_not_halve_the_rate() -> None:
    rounded = [round(i / 30, 3) for i in range(600)]
    jittering = [i / 30 + (0.004 if i % 3 else -0.004) for i in range(600)]
    assert len(taken(30, rounded)) == 600
    assert len(taken(30, jittering)) == 600


def test_the_grid_does_not_drift() -> None:
    picks = taken(7, stream(25, 100))
    assert picks[-1] / 25 == pytest.approx(99.85, abs=0.1)
    assert len(picks) == 700


def test_after_a_gap_nothing_bursts() -> None:
    times = [*stream(25, 2), *stream(25, 2, start=33.3)]
    picks = [times[i] for i in taken(2, times, clock=[t or 0.0 for t in times])]
    after = [t for t in picks if t is not None and t > 30]
    assert after == pytest.approx([33.3, 33.8, 34.3, 34.8], abs=0.05)


def test_frames_that_arrive_in_bunches_are_sampled_by_their_pts() -> None:
    times = stream(25, 10)
    bunched = [i // 20 * 0.8 for i in range(250)]
    assert taken(5, times, clock=bunched) == taken(5, times)
    assert len(taken(1000, times, clock=bunched)) == 250


@pytest.mark.parametrize("restart", [0.0, 5000.0, -100.0])
def test_a_jump_of_the_pts_keeps_the_spacing_by_the_clock(restart: float) -> None:
    picks = taken(2, [*stream(25, 10.2, start=100), *stream(25, 10, start=restart)])
    gaps = [(b - a) * 0.04 for a, b in itertools.pairwise(picks)]
    assert len(picks) == pytest.approx(40, abs=1)
    assert min(gaps) > 0.4


def test_frames_without_pts_are_sampled_by_the_clock() -> None:
    assert len(taken(2, [None] * 250)) == 20


def test_a_first_frame_without_pts_is_taken_once() -> None:
    assert taken(2, [None, *stream(25, 2, start=0.04)])[:3] == [0, 12, 25]


def test_frames_with_and_without_pts_in_turn_are_neither_starved_nor_all_taken() -> None:
    times = [None if i % 2 else i * 0.04 for i in range(250)]
    assert len(taken(2, times)) == pytest.approx(20, abs=2)


def test_a_frozen_time_line_is_no_longer_believed() -> None:
    assert len(taken(2, [7.0] * 500)) >= 8


def test_keyframes_are_the_only_frames_taken_and_may_be_thinned() -> None:
    assert taken(None, stream(25, 8), keyframe_every=50) == [0, 50, 100, 150]
    assert taken(0.25, stream(25, 8), keyframe_every=50) == [0, 100]


def test_each_sampler_of_a_recording_takes_the_same_frames_whatever_the_clock_says() -> None:
    times = [*stream(25, 4), *stream(25, 4, start=50)]
    fast, slow = Sampler(Sampling(3)), Sampler(Sampling(3))
    assert [fast.due(t, t or 0.0, False) for t in times] == [slow.due(t, t or 0.0, False) for t in times]


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False)), min_size=200, max_size=400),
    st.sampled_from([0.5, 1.0, 3.0, 10.0]),
)
def test_no_time_line_starves_or_floods_a_pipeline(times: list[float | None], fps: float) -> None:
    picks = taken(fps, times)
    clock = [i * 0.04 for i in picks]
    assert picks[0] == 0
    assert max([b - a for a, b in itertools.pairwise(clock)] or [0]) <= 3 / fps + 1.2


@pytest.mark.parametrize("fps", [0, -1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="fps"):
        Sampling(fps)
