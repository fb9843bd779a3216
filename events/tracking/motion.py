"""Where a track is and will be: a Kalman filter of constant velocity, in seconds rather than frames.

x and y have the same noise, so they share one 2x2 covariance (position, velocity). All noise is in proportion to the
box, as in SORT (Bewley et al. 2016, arXiv:1602.00763): near things move more pixels a second than far ones. At 1 to 5
fps the gaps differ from frame to frame, so that prediction and process noise are integrals over the real gap. And a
velocity that nothing confirms fades: a walker who is hidden is likelier to have stopped than to be four metres on (an
Ornstein-Uhlenbeck velocity; Uhlenbeck and Ornstein 1930 have the integrals).
"""

import math
from dataclasses import dataclass

from events.tracking.sighting import Box

_ACCELERATION = 0.7
"""Spectral density's root, in box sizes / s^1.5."""
_FIRST_SPEED = 1.0
"""Standard deviation of a new track's speed, in box sizes a second: a walker has 1.3, a car in a street 2."""
_MEASURED = 0.1
"""Standard deviation of a detected box's centre, in box sizes."""
_FADES_S = 4.0
_SIZE_GAIN = 0.3
_WEAK = 0.5
"""Boxes of lower confidence are less exact: their noise is greater by up to as much again."""


@dataclass(slots=True)
class Motion:
    """Position, velocity and size; heights of the picture, and heights a second."""

    x: float
    y: float
    width: float
    height: float
    vx: float = 0.0
    vy: float = 0.0
    p: float = 0.0
    """Variance of the position, of each coordinate."""
    c: float = 0.0
    """Covariance of position and velocity."""
    v: float = 0.0
    """Variance of the velocity."""

    @classmethod
    def begun(cls, box: Box) -> "Motion":
        """At `box`, of unknown velocity."""
        x, y, width, height = box
        size = math.sqrt(width * height)
        return cls(x, y, width, height, p=(_MEASURED * size) ** 2, v=(_FIRST_SPEED * size) ** 2)

    @property
    def box(self) -> Box:
        return self.x, self.y, self.width, self.height

    @property
    def size(self) -> float:
        """Side of the square of the same area."""
        return math.sqrt(self.width * self.height)

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` pass."""
        if dt_s <= 0:
            return
        kept = math.exp(-dt_s / _FADES_S)
        travel_s = _FADES_S * (1 - kept)
        self.x += self.vx * travel_s
        self.y += self.vy * travel_s
        self.vx *= kept
        self.vy *= kept
        q = (_ACCELERATION * self.size) ** 2
        lost = 1 - kept
        coasted_s = dt_s - 2 * travel_s + _FADES_S / 2 * (1 - kept * kept)
        self.p += 2 * travel_s * self.c + travel_s * travel_s * self.v + q * _FADES_S**2 * coasted_s
        self.c = kept * (self.c + travel_s * self.v) + q * _FADES_S**2 / 2 * lost * lost
        self.v = kept * kept * self.v + q * _FADES_S / 2 * (1 - kept * kept)

    def spread(self) -> float:
        """Standard deviation of where the next detection's centre will be, along one coordinate."""
        return math.sqrt(self.p + (_MEASURED * self.size) ** 2)

    def correct(self, box: Box, confidence: float) -> None:
        """Take a detection in."""
        noise = (_MEASURED * self.size) ** 2 * (1 + max(0.0, _WEAK - confidence) / _WEAK)
        total = self.p + noise
        gain, gain_v = self.p / total, self.c / total
        dx, dy = box[0] - self.x, box[1] - self.y
        self.x += gain * dx
        self.y += gain * dy
        self.vx += gain_v * dx
        self.vy += gain_v * dy
        self.v -= gain_v * self.c
        self.c -= gain * self.c
        self.p -= gain * self.p
        self.width += _SIZE_GAIN * (box[2] - self.width)
        self.height += _SIZE_GAIN * (box[3] - self.height)

    def stop(self) -> None:
        """It stands: its velocity is none, and known. Where, is never surer than half a measurement: it may leave."""
        self.vx = self.vy = self.c = self.v = 0.0
        self.p = (_MEASURED * self.size) ** 2 / 2

    def release(self) -> None:
        """It begins to move: nobody knows where to."""
        self.v = (_FIRST_SPEED * self.size) ** 2
