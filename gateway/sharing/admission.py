"""Whether there is room for one more camera on this machine, and whether there are too many. Pure."""

from collections.abc import Mapping
from math import exp

from gateway.sharing.stand import UNBOUNDED

_ADMIT = 0.9
"""Cameras are taken up to this share of the capacity;"""
_FULL = 1.0
"""above this one some are given to gateways that have room,"""
_PATIENCE_S = 30.0
"""if it lasts so long; one at a time, each seen in the measurement before the next one."""
_SMOOTHED_OVER_S = 30.0
"""A decode process that starts uses a core for a moment."""


class Admission:
    """The account of one machine: its capacity, and what cameras use of it. In cores, all of one kind."""

    def __init__(self, capacity: float | None) -> None:
        """`capacity`: cores that cameras may use; None: as many as they like."""
        self.capacity = capacity
        self.load = 0.0
        """What cameras use, with what belongs to none of them."""
        self._overhead = 0.0
        self._measured_s: float | None = None
        self._full_since_s: float | None = None

    @property
    def room(self) -> float:
        """What is left for more cameras."""
        return UNBOUNDED if self.capacity is None else max(0.0, _ADMIT * self.capacity - self.load)

    def measure(self, now_s: float, used: float, costs: Mapping[str, float]) -> None:
        """All processes of the gateway use `used` cores; `costs`: of the cameras that are its own or soon will be, as
        measured or expected."""
        passed_s = 0.0 if self._measured_s is None else now_s - self._measured_s
        self._measured_s = now_s
        beside = max(0.0, used - sum(costs.values()))
        self._overhead += (beside - self._overhead) * (1 - exp(-passed_s / _SMOOTHED_OVER_S))
        self.load = self._overhead + sum(costs.values())
        if self.capacity is None or self.load <= _FULL * self.capacity:
            self._full_since_s = None
        elif self._full_since_s is None:
            self._full_since_s = now_s

    def is_overfull(self, now_s: float) -> bool:
        """Whether a camera should go; asked again, not before the patience is over anew."""
        if self._full_since_s is None or now_s - self._full_since_s < _PATIENCE_S:
            return False
        self._full_since_s = now_s
        return True
