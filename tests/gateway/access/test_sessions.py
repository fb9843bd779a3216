"""Sessions end, and attempts to sign in are counted."""

from gateway.access.accounts import Caller
from gateway.access.attempts import Attempts
from gateway.access.sessions import UNUSED_FOR_S, Sessions

ANN = Caller("ann", "viewer")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_session_lasts_while_it_is_used() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    cookie, session = sessions.begin(ANN)
    clock.now_s = UNUSED_FOR_S - 1
    assert sessions.find(cookie) is session
    clock.now_s *= 2
    assert sessions.find(cookie) is session
    clock.now_s += UNUSED_FOR_S + 1
    assert sessions.find(cookie) is None
    assert not session.open


def test_signing_out_ends_this_session_alone() -> None:
    sessions = Sessions()
    (one, first), (other, second) = sessions.begin(ANN), sessions.begin(ANN)
    sessions.end(one)
    assert (sessions.find(one), first.open) == (None, False)
    assert (sessions.find(other), second.open) == (second, True)
    assert sessions.find(None) is None


def test_sessions_are_bounded_and_the_one_used_least_goes() -> None:
    sessions = Sessions()
    kept, _ = sessions.begin(ANN)
    lost, _ = sessions.begin(ANN)
    for _ in range(998):
        sessions.begin(ANN)
    assert sessions.find(kept) is not None
    sessions.begin(ANN)
    assert sessions.find(lost) is None
    assert sessions.find(kept) is not None


def test_ten_failures_from_an_address_make_it_wait_a_minute() -> None:
    attempts = Attempts()
    for n in range(10):
        assert attempts.wait_s("10.0.0.1", f"name-{n}", n) == 0
        attempts.failed("10.0.0.1", f"name-{n}", n)
    assert attempts.wait_s("10.0.0.1", "other", 10) == 50
    assert attempts.wait_s("10.0.0.2", "other", 10) == 0
    assert attempts.wait_s("10.0.0.1", "other", 60) == 0


def test_a_name_can_not_be_guessed_at_from_many_addresses() -> None:
    attempts = Attempts()
    for n in range(30):
        attempts.failed(f"10.0.0.{n}", "ann", 0)
    assert attempts.wait_s("10.0.1.1", "ann", 1) == 59
    assert attempts.wait_s("10.0.1.1", "bob", 1) == 0


def test_who_gets_in_starts_anew() -> None:
    attempts = Attempts()
    for _ in range(10):
        attempts.failed("10.0.0.1", "ann", 0)
    attempts.succeeded("10.0.0.1", "ann")
    assert attempts.wait_s("10.0.0.1", "ann", 1) == 0


def test_what_is_remembered_of_attempts_is_bounded() -> None:
    attempts = Attempts()
    for n in range(30_000):
        attempts.failed(f"address-{n}", "ann", 0)
    assert len(attempts._failed_s) <= 10_000
