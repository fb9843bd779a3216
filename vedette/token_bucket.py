"""How often something may happen: on the average, and at once. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic


class TokenBucket:
    """Of one kind of thing (the token bucket of RFC 2697, with one rate)."""

    def __init__(self, per_s: float, at_once: float, now_s: Callable[[], float] = monotonic) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._now_s = now_s
        self._tokens = at_once
        self._at_s = now_s()

    def take(self) -> bool:
        """Whether it may happen now; then it counts."""
        now_s = self._now_s()
        self._tokens = min(self._at_once, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def wait_s(self) -> float:
        """Until the next one may."""
        return max(0.0, (1 - self._tokens) / self._per_s)


class TokenBuckets:
    """One for each of many, of which those that did nothing for the longest time are forgotten."""

    def __init__(
        self, per_s: float, at_once: float, most: int = 10_000, now_s: Callable[[], float] = monotonic
    ) -> None:
        self._rate = (per_s, at_once, now_s)
        self._most = most
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, key: Hashable) -> TokenBucket:
        """The one of `key`."""
        bucket = self._buckets.pop(key, None) or TokenBucket(*self._rate)
        self._buckets[key] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket
