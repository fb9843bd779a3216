"""Finds a run of a model that does not end. Pure.

A thread that hangs in a library can't be stopped. What its worker has in hand would be kept from all others for ever,
as the worker says that it is still at it: the process has to end, and its supervisor starts another.
"""

from collections.abc import Collection, Hashable

LOOK_EVERY_S = 1.0


class HangWatch:
    """Asked every `LOOK_EVERY_S`."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._lasted_s: dict[Hashable, float] = {}
        self._looked_s: float | None = None

    def look(self, runs: Collection[Hashable], now_s: float) -> bool:
        """Whether one of the `runs` under way has lasted for `after_s`.

        Of the time since the last look no more than twice its due is counted: a process that was held still for a
        minute has no run that hangs.
        """
        since_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s, 2 * LOOK_EVERY_S)
        self._looked_s = now_s
        self._lasted_s = {run: self._lasted_s.get(run, -since_s) + since_s for run in runs}
        return any(lasted_s >= self._after_s for lasted_s in self._lasted_s.values())
