"""Frames after damage are held back until a keyframe that came later, and not for ever."""

from gateway.reading.damage import Damage


def test_without_damage_nothing_is_held() -> None:
    damage = Damage()
    assert not any(damage.holds(n, keyframe=False, clock_s=n) for n in range(100))


def test_frames_are_held_until_the_keyframe_after_the_damage() -> None:
    damage = Damage()
    damage.note(3)
    held = [damage.holds(n, keyframe=n == 8, clock_s=n / 10) for n in range(12)]
    assert held == [3 <= n < 8 for n in range(12)]


def test_a_keyframe_that_is_displayed_later_but_came_before_the_damage_ends_nothing() -> None:
    damage = Damage()
    damage.note(5)
    damage.note(9)
    assert not damage.holds(4, keyframe=True, clock_s=0.0)
    assert damage.holds(6, keyframe=False, clock_s=0.1)
    assert damage.holds(7, keyframe=True, clock_s=0.2)
    assert damage.holds(10, keyframe=False, clock_s=0.3)
    assert not damage.holds(11, keyframe=True, clock_s=0.4)
    assert not damage.holds(12, keyframe=False, clock_s=0.5)


def test_where_no_keyframe_comes_frames_are_held_for_five_seconds_after_the_last_damage() -> None:
    damage = Damage()
    damage.note(0)
    assert damage.holds(1, keyframe=False, clock_s=100.0)
    damage.note(2)
    assert damage.holds(3, keyframe=False, clock_s=103.0)
    assert damage.holds(4, keyframe=False, clock_s=107.9)
    assert not damage.holds(5, keyframe=False, clock_s=108.0)
    assert not damage.holds(6, keyframe=False, clock_s=108.1)
