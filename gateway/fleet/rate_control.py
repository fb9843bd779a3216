"""How often a camera is sampled when workers are behind: lowered before frames are wasted, raised when there is room.

Every camera adapts on its own to what it is told of its own frames, in the manner of delay-based congestion control
(L. Brakmo, L. Peterson, "TCP Vegas", JSAC 1995): it aims at a token that waits for its turn for a certain part of the
camera's interval. Tokens are served in turn, so all wait about as long, and their rates become as those parts are. One
that waits for the whole interval has its frame replaced before anyone looks at it, and the rate is cut at once (V.
Jacobson, "Congestion avoidance and control", SIGCOMM 1988). Pure: no clock, no bus.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Priority = Literal["low", "normal", "high"]

ENOUGH: Mapping[Priority, float] = {"low": 0.2, "normal": 0.4, "high": 0.8}
"""The wait that a camera aims at, in its intervals."""
_GROWTH_A_S = 0.05
"""Of the rate, a second, while no token waits at all; less the nearer the wait is to what is enough."""
_FALL_A_S = 0.01
"""Slowly: all cameras see the same wait, and would swing together."""
_CUT = 0.8
_LONGEST_RISE_S, _LONGEST_FALL_S = 30.0, 2.0
"""Time without a word that counts: a rate that was lowered must not stay low behind a gate, which lets a frame through
every half a minute; while one long wait says little of the time before it."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rates of a camera for a pipeline, frames a second.

    Raises:
        ValueError: not 0 < least <= usual <= most.
    """

    usual: float
    least: float
    """Under overload; below it frames are rather wasted."""
    most: float
    """While something happens."""
    priority: Priority = "normal"
    """Under overload each gets nearly twice what the one before gets."""

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.usual <= self.most:
            raise ValueError(f"rates must be 0 < {self.least} <= {self.usual} <= {self.most}")


class RateControl:
    """One feed's rate. Tell it of each frame served; `fps` is what to sample at from then on."""

    def __init__(self, limits: RateLimits, now_s: float) -> None:
        self.fps = limits.usual
        self._limits = limits
        self._noted_s = now_s
        self._cut_s = now_s - 1 / limits.least
        self._excited_until_s = now_s

    def fps_at(self, now_s: float) -> float:
        """`fps`, of which an excitement that is over has no part any more, though nothing was served since."""
        self._keep_within(now_s)
        return self.fps

    def served(self, now_s: float, waited_s: float, in_vain: bool) -> None:
        """A worker served a frame whose token had waited for its turn; `in_vain`: another was replaced meanwhile."""
        passed_s, self._noted_s = now_s - self._noted_s, now_s
        room = 1 - waited_s * self.fps / ENOUGH[self._limits.priority]
        if in_vain:
            self._cut(now_s)
        elif room > 0:
            self.fps *= 1 + _GROWTH_A_S * room * min(passed_s, _LONGEST_RISE_S)
        else:
            self.fps *= 1 + max(_GROWTH_A_S * room, -_FALL_A_S) * min(passed_s, _LONGEST_FALL_S)
        self._keep_within(now_s)

    def expired(self, now_s: float) -> None:
        """A frame was too old when its turn came, or nobody came for it at all."""
        self._cut(now_s)
        self._keep_within(now_s)

    def excite(self, now_s: float, until_s: float) -> None:
        """Something happens in the picture until then. Where there is room for the usual rate, the highest is tried at
        once, and cut from there if that is too much."""
        if until_s > now_s >= self._excited_until_s and self.fps >= self._limits.usual:
            self.fps = self._limits.most
        self._excited_until_s = max(until_s, self._excited_until_s)
        self._keep_within(now_s)

    def _cut(self, now_s: float) -> None:
        """Once an interval: what comes of a rate is known only after it."""
        if now_s - self._cut_s >= 1 / self.fps:
            self.fps *= _CUT
            self._cut_s = now_s

    def _keep_within(self, now_s: float) -> None:
        limits = self._limits
        highest = limits.most if now_s < self._excited_until_s else limits.usual
        self.fps = min(max(self.fps, limits.least), highest)
