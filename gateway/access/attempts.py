"""How often somebody may fail to sign in: counted by address and by name, over a minute. Pure."""

from collections import OrderedDict, deque

_OVER_S = 60.0
_BY_ADDRESS, _BY_NAME = 10, 30
"""More by name: who knows a name must not keep its owner out too easily."""
_MOST_KEYS = 10_000


class Attempts:
    """Failures of the last minute."""

    def __init__(self) -> None:
        self._failed_s: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wait_s(self, address: str, name: str, now_s: float) -> float:
        """How long this one has to wait before the next attempt; 0: not at all."""
        waits = (
            self._wait_s(("address", address), _BY_ADDRESS, now_s),
            self._wait_s(("name", name), _BY_NAME, now_s),
        )
        return max(waits)

    def failed(self, address: str, name: str, now_s: float) -> None:
        """It was the wrong password, or is being looked at: an attempt counts before its outcome is known."""
        for key in (("address", address), ("name", name)):
            self._failed_s.setdefault(key, deque(maxlen=_BY_NAME)).append(now_s)
            self._failed_s.move_to_end(key)
        while len(self._failed_s) > _MOST_KEYS:
            self._failed_s.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """It was the right one: nothing is held against them any more."""
        self._failed_s.pop(("address", address), None)
        self._failed_s.pop(("name", name), None)

    def _wait_s(self, key: tuple[str, str], most: int, now_s: float) -> float:
        failed_s = self._failed_s.get(key)
        if failed_s is None:
            return 0.0
        while failed_s and now_s - failed_s[0] >= _OVER_S:
            failed_s.popleft()
        return _OVER_S - (now_s - failed_s[len(failed_s) - most]) if len(failed_s) >= most else 0.0
