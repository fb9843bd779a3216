"""Which decode process a camera is placed in, and when it is moved to another one. Pure: the caller brings the time."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Costs = Mapping[K, float]
"""CPU seconds a second of each camera in one process."""

_UNKNOWN_COST = 0.05
"""Of a camera before any was measured."""
_SMOOTHED_OVER_S = 5.0


def least_loaded(processes: Sequence[Costs[K]]) -> int:
    """The process for one more camera: the one whose cameras cost least, of equals the one with fewest."""
    return min(range(len(processes)), key=lambda n: (sum(processes[n].values()), len(processes[n])))


def expected_cost(measured: Sequence[float]) -> float:
    """What a camera that was not measured yet will cost: what the others do on average."""
    return sum(measured) / len(measured) if measured else _UNKNOWN_COST


class Meter:
    """CPU seconds a second out of a growing count of CPU seconds, smoothed over some seconds."""

    def __init__(self) -> None:
        self.rate: float | None = None
        """None: not measured yet."""
        self._last: tuple[float, float] | None = None

    def feed(self, at_s: float, cpu_s: float) -> None:
        """The count is `cpu_s` at `at_s`."""
        if self._last is not None and at_s > self._last[0]:
            passed_s = at_s - self._last[0]
            rate = max(0.0, cpu_s - self._last[1]) / passed_s
            before = rate if self.rate is None else self.rate
            self.rate = before + (rate - before) * (1 - exp(-passed_s / _SMOOTHED_OVER_S))
        self._last = at_s, cpu_s

    def pause(self) -> None:
        """What passes until the next `feed` is not measured; the rate stays."""
        self._last = None


@dataclass(frozen=True, slots=True)
class BalancePolicy:
    """When cameras are moved. Processes are numbered; shares are of one core."""

    hot: float = 0.85
    """A process that uses this much has too many cameras,"""
    cool: float = 0.75
    """until it uses less than this."""
    patience_s: float = 10.0
    """It must be hot for so long first."""
    gain: float = 0.1
    """The fuller one of both processes must have this much less afterwards."""
    settle_s: float = 30.0
    """No other camera is moved for so long, since each move must be seen in the measurement first."""
    pinned_s: float = 600.0
    """The same camera isn't moved again for so long."""


@dataclass(frozen=True, slots=True)
class Move(Generic[K]):
    """A camera and the process that it goes to."""

    camera: K
    target: int


class Balance(Generic[K]):
    """Moves one camera at a time, from a process that has been hot for a while to the one with the least load.

    No camera goes to and fro: a move must make the fuller process clearly less full, and pins its camera.
    """

    def __init__(self, policy: BalancePolicy | None = None) -> None:
        self._policy = policy or BalancePolicy()
        self._hot_since_s: dict[int, float] = {}
        self._pinned_until_s: dict[K, float] = {}
        self._settled_at_s = 0.0

    def next_move(self, now_s: float, used: Sequence[float], processes: Sequence[Costs[K]]) -> Move[K] | None:
        """The camera to move now, if any. `used` is what each process uses in all, beyond its cameras' costs too."""
        self._feel(now_s, used)
        self._pinned_until_s = {camera: s for camera, s in self._pinned_until_s.items() if s > now_s}
        patient = [n for n, since_s in self._hot_since_s.items() if now_s - since_s >= self._policy.patience_s]
        if now_s < self._settled_at_s or not patient:
            return None
        move = self._relief(max(patient, key=lambda n: used[n]), processes)
        if move is not None:
            self._settled_at_s = now_s + self._policy.settle_s
            self._pinned_until_s[move.camera] = now_s + self._policy.pinned_s
        return move

    def _feel(self, now_s: float, used: Sequence[float]) -> None:
        for n, share in enumerate(used):
            if share >= self._policy.hot:
                self._hot_since_s.setdefault(n, now_s)
            elif share < self._policy.cool:
                self._hot_since_s.pop(n, None)

    def _relief(self, hot: int, processes: Sequence[Costs[K]]) -> Move[K] | None:
        target = least_loaded(processes)
        loads = [sum(costs.values()) for costs in processes]

        def fuller(camera: K) -> float:
            cost = processes[hot][camera]
            return max(loads[hot] - cost, loads[target] + cost)

        movable = [camera for camera in processes[hot] if camera not in self._pinned_until_s]
        if target == hot or not movable:
            return None
        best = min(movable, key=fuller)
        return Move(best, target) if fuller(best) <= loads[hot] - self._policy.gain else None
