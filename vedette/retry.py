"""The one retry policy: capped exponential backoff with full jitter, reset only after sustained health.

Full jitter as in M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: the wait is uniform
between 0 and the capped exponential, so that a thousand cameras behind one switch don't come back together.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts, in seconds."""

    first_s: float = 0.5
    """Upper bound of the first wait."""
    cap_s: float = 30.0
    """Upper bound of every wait."""
    healthy_after_s: float = 10.0
    """An attempt that lasted this long was healthy: the next failure starts at `first_s` again."""

    def ceiling_s(self, attempt: int) -> float:
        """Upper bound of the wait after failed attempt number `attempt` (from 0)."""
        return float(min(self.cap_s, self.first_s * 2 ** min(attempt, 60)))


class Retry:
    """Counts failures and says how long to wait. The first attempt counts like any other."""

    def __init__(self, backoff: Backoff, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._backoff = backoff
        self._uniform = uniform
        self.failures = 0
        """In a row, without sustained health in between."""

    def wait_s(self, lasted_s: float, at_least_s: float = 0.0) -> float:
        """The wait after an attempt that failed after `lasted_s`; never under `at_least_s`."""
        if lasted_s >= self._backoff.healthy_after_s:
            self.failures = 0
        ceiling_s = self._backoff.ceiling_s(self.failures)
        self.failures += 1
        return at_least_s + self._uniform(0.0, ceiling_s)
