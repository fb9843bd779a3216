"""How often a camera is sampled when workers are behind: lowered before frames are wasted, raised when there is room.

In the manner of delay-based congestion control (L. Brakmo, L. Peterson, "TCP Vegas", JSAC 1995) a camera aims at a
token that waits for its turn for a certain part of the camera's interval. One that waits for the whole interval has its
frame replaced before anyone looks at it, and the rate is cut at once (V. Jacobson, "Congestion avoidance and control",
SIGCOMM 1988). Tokens of a pipeline are served in turn, so all wait about as long, whosever they are: what one camera of
a gateway learns of the wait holds for all of them, and they have one rate in common, within the limits of each. Cameras
that learned each for itself would drift apart with every stall, and need a minute to be equal again. Gateways don't
speak of it: their rates become equal as the waits are.

With one rate cameras would keep in step, and those that are last in turn would be so for ever, their frames the ones
that come to nothing; so each gets a little more or less than the others, by less than anyone notices in a minute.

Pure: no clock, no bus.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

Priority = Literal["low", "normal", "high"]

ENOUGH: Mapping[Priority, float] = {"low": 0.2, "normal": 0.4, "high": 0.8}
"""The wait that a camera aims at, in its intervals."""
_GROWTH_A_S = 0.05
"""Of the rate, a second, while no token waits at all; less the nearer the wait is to what is enough."""
_FALL_A_S = 0.01
"""Slowly: all cameras see the same wait, and would swing together."""
_OF_BUDGET = 0.4
"""No token aims at a wait of more than this part of what a frame's budget leaves for waiting: where rates are low,
intervals are longer, and where decoding comes in bursts a frame is old when it is published."""
_LEAST_OF_BUDGET = 0.25
"""To which what is left is counted at least: a camera whose frames are late by themselves is no overload."""
_SPREAD = 0.06
"""Of the rate, from camera to camera."""
_GOLDEN = 0.6180339887
"""Its multiples, less their whole parts, are spread evenly however many there are."""
_CUT = 0.9
"""Of the rate, where all frames of an interval were replaced or too old; of fewer frames as much less."""
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
    """Under overload; below it, or a little more, frames are rather wasted."""
    most: float
    """While something happens."""
    priority: Priority = "normal"
    """Under overload each gets nearly twice what the one before gets."""
    budget_s: float = inf
    """A frame that is older when its turn comes is worth nothing."""

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.usual <= self.most:
            raise ValueError(f"rates must be 0 < {self.least} <= {self.usual} <= {self.most}")


class SharedRate:
    """What a gateway's cameras have in common for a pipeline: the rate that a camera would get which has no limits and
    aims at a wait of a whole interval. It stays where at least one of the cameras notices it.
    """

    def __init__(self) -> None:
        self.fps = 0.0
        self._least = inf
        self._most = 0.0
        self._cameras = 0
        self._noted_s = -inf

    def join(self, limits: RateLimits, now_s: float) -> float:
        """One camera more, which notices this rate within its limits; returns what its share of it is."""
        self._cameras += 1
        share = ENOUGH[limits.priority] * (1 + _SPREAD * (self._cameras * _GOLDEN % 1))
        unlimited = self.fps >= self._most
        self._least, self._most = min(limits.least / share, self._least), max(limits.most / share, self._most)
        if unlimited:
            self.fps = self._most
        self._noted_s = max(now_s, self._noted_s)
        return share

    def waited(self, now_s: float, waited_s: float, left_s: float = inf) -> None:
        """A token had waited for its turn, of the time that its frame's budget left for that."""
        room = 1 - waited_s * (self.fps + 1 / (_OF_BUDGET * left_s))
        passed_s = self._passed_s(now_s)
        if room > 0:
            self._change(1 + _GROWTH_A_S * room * min(passed_s, _LONGEST_RISE_S))
        else:
            self._change(1 + max(_GROWTH_A_S * room, -_FALL_A_S) * min(passed_s, _LONGEST_FALL_S))

    def cut(self, now_s: float, fps: float, share: float) -> None:
        """A frame came to nothing, of a camera that is sampled so often and has this share.

        What was seen since the last word of any camera counts, since each of them is told of its own frames.
        """
        part = min(1.0, fps * self._passed_s(now_s))
        self._change((_CUT * min(1.0, fps / share / self.fps)) ** part)

    def _passed_s(self, now_s: float) -> float:
        passed_s = max(0.0, now_s - self._noted_s)
        self._noted_s = max(now_s, self._noted_s)
        return passed_s

    def _change(self, factor: float) -> None:
        self.fps = min(max(self.fps * factor, self._least), self._most)


class RateControl:
    """One feed's rate. Tell it of each frame served; `fps` is what to sample at from then on."""

    def __init__(self, limits: RateLimits, now_s: float, shared: SharedRate | None = None) -> None:
        """`shared`: with the other feeds of the pipeline; None: there are no others."""
        self.fps = limits.usual
        self._limits = limits
        self._shared = shared or SharedRate()
        self._share = self._shared.join(limits, now_s)
        self._least = min(limits.least * self._share / ENOUGH[limits.priority], limits.usual)
        self._excited_until_s = now_s
        self.fps_at(now_s)

    def fps_at(self, now_s: float) -> float:
        """`fps`, as it is now: others change it too, and an excitement may be over."""
        limits = self._limits
        highest = limits.most if now_s < self._excited_until_s else limits.usual
        self.fps = min(max(self._shared.fps * self._share, self._least), highest)
        return self.fps

    def served(self, now_s: float, waited_s: float, in_vain: bool, age_s: float = 0.0) -> None:
        """A worker served a frame whose token had waited for its turn; `in_vain`: another was replaced meanwhile.

        `age_s`: of the frame then, so that what is not the wait is what it would have been old all the same.
        """
        if in_vain:
            self._shared.cut(now_s, self.fps_at(now_s), self._share)
        else:
            budget_s = self._limits.budget_s
            left_s = budget_s - max(0.0, age_s - waited_s)
            self._shared.waited(now_s, waited_s, max(left_s, _LEAST_OF_BUDGET * budget_s))
        self.fps_at(now_s)

    def expired(self, now_s: float) -> None:
        """A frame was too old when its turn came, or nobody came for it at all."""
        self._shared.cut(now_s, self.fps_at(now_s), self._share)
        self.fps_at(now_s)

    def excite(self, now_s: float, until_s: float) -> None:
        """Something happens in the picture until then: up to the highest rate, as far as there is room."""
        self._excited_until_s = max(until_s, self._excited_until_s)
        self.fps_at(now_s)
