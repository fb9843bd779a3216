"""The retry policy: capped, jittered over the whole range, reset only after sustained health."""

from hypothesis import given
from hypothesis import strategies as some

from vedette.retry import Backoff, Retry

attempts = some.integers(0, 5000)
backoffs = some.builds(Backoff, first_s=some.floats(0.01, 5), cap_s=some.floats(5, 60), healthy_after_s=some.just(10.0))


def longest(low_s: float, high_s: float) -> float:
    return high_s


def shortest(low_s: float, high_s: float) -> float:
    return low_s


@given(backoffs, attempts)
def test_the_ceiling_doubles_until_the_cap(backoff: Backoff, attempt: int) -> None:
    ceiling_s = backoff.ceiling_s(attempt)
    assert backoff.first_s <= ceiling_s <= backoff.cap_s
    assert backoff.ceiling_s(attempt + 1) in (2 * ceiling_s, backoff.cap_s)


@given(backoffs, some.integers(0, 30), some.floats(0, 5))
def test_every_wait_is_between_its_lower_bound_and_the_ceiling(
    backoff: Backoff, failures: int, at_least: float
) -> None:
    retry = Retry(backoff)
    for number in range(failures):
        assert at_least <= retry.wait_s(0.0, at_least) <= at_least + backoff.ceiling_s(number)


def test_jitter_is_full() -> None:
    assert Retry(Backoff(first_s=2.0), shortest).wait_s(0.0) == 0.0
    assert Retry(Backoff(first_s=2.0), longest).wait_s(0.0) == 2.0


def test_the_waits_grow_over_short_lived_successes() -> None:
    retry = Retry(Backoff(first_s=1.0, cap_s=8.0, healthy_after_s=10.0), longest)
    assert [retry.wait_s(9.9) for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert retry.failures == 5


def test_only_sustained_health_starts_over() -> None:
    retry = Retry(Backoff(first_s=1.0, cap_s=8.0, healthy_after_s=10.0), longest)
    assert [retry.wait_s(0.0) for _ in range(3)] == [1.0, 2.0, 4.0]
    assert retry.wait_s(10.0) == 1.0
    assert retry.failures == 1


def test_the_first_wait_is_short_for_a_camera_that_blinks() -> None:
    assert Retry(Backoff(), longest).wait_s(0.0) <= 0.5
