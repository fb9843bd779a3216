"""A run that does not end."""

from inference.runtime.hang_watch import HangWatch


def test_a_run_that_lasts_too_long_is_seen_and_others_are_not() -> None:
    watch = HangWatch(after_s=60)
    assert not any(watch.look({1, 1000 + second}, float(second)) for second in range(60))
    assert watch.look({1, 1060}, 60.0)


def test_runs_that_follow_one_another_are_no_hang() -> None:
    watch = HangWatch(after_s=60)
    assert not any(watch.look({second // 30}, float(second)) for second in range(300))


def test_the_time_in_which_the_process_was_held_still_does_not_count() -> None:
    watch = HangWatch(after_s=60)
    assert not watch.look({1}, 0.0)
    assert not watch.look({1}, 1000.0)
    assert not watch.look({1}, 1001.0)
