"""The passes of a looped file on one time line."""

import pytest

from gateway.sources.timeline import Timeline


def test_the_first_pass_keeps_the_files_own_time_and_the_next_follow_without_a_seam() -> None:
    timeline = Timeline()
    times = []
    for _ in range(3):
        timeline.begin(10.0)
        times += [timeline.frame_s(10.0 + i / 10, 0.1) for i in range(3)]
    assert times == pytest.approx([10.0 + i / 10 for i in range(9)])
    assert timeline.start_s == 10.0


def test_frames_without_pts_follow_one_another_at_the_declared_rate() -> None:
    timeline = Timeline()
    timeline.begin(0.0)
    assert [timeline.frame_s(None, 0.5) for _ in range(3)] == [0, 0.5, 1.0]
