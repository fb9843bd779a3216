"""How long a process waits before it connects again. (`test_connection.py` has the rest, with a real server.)"""

from vedette.bus.client import RECONNECT, Attempts


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_after_a_connection_that_lasted_the_first_attempt_comes_at_once_again() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(50):
        attempts.succeeded()
        clock.now_s += RECONNECT.healthy_after_s
        assert attempts.wait_s() <= RECONNECT.first_s
        for _ in range(8):
            attempts.wait_s()


def test_connections_that_break_at_once_make_the_waits_longer() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    waits_s = []
    for _ in range(200):
        attempts.succeeded()
        waits_s.append(attempts.wait_s())
    assert max(waits_s) > RECONNECT.cap_s / 2
