"""When the pictures of a clip are due: arithmetic only, no clock and no event loop."""

from typing import NamedTuple

from gateway.simulator.clip import AccessUnit, Clip

_TOO_LATE_S = 1.0


class Step(NamedTuple):
    """One picture on its way: what, when it is to be sent, and when it was seen, on the caller's clock."""

    unit: AccessUnit
    due_s: float
    captured_s: float


class Playhead:
    """A place in a clip which repeats without end, bound to the caller's monotonic clock."""

    def __init__(self, clip: Clip, fps: float | None = None) -> None:
        self._fps = fps
        self._index = 0
        self._origin_s = 0.0
        self._late_s = 0.0
        self._last_due_s = 0.0
        self._load(clip)

    def rewind(self, at_s: float, clip: Clip | None = None) -> None:
        """Start from the first picture of the clip, or of another one, as seen at ``at_s``."""
        self._load(clip or self._clip)
        self._index = 0
        self._origin_s = self._last_due_s = at_s
        self._late_s = 0.0

    def step(self, now_s: float, rate: float = 1.0) -> Step:
        """The next picture.

        A ``rate`` below 1 delays each picture a little more than the one before, and leaves its time of capture as
        it was. A playhead which the caller left far behind ``now_s`` (a suspended machine) jumps ahead, instead of
        sending everything it missed in one burst.
        """
        unit = self._clip.units[self._index]
        due_s = self._origin_s + unit.send_s / self._speed
        self._late_s += max(0.0, due_s - self._last_due_s) * (1 / rate - 1)
        missed_s = now_s - due_s - self._late_s
        if missed_s > _TOO_LATE_S:
            self._origin_s += missed_s
            due_s += missed_s
        self._last_due_s = due_s
        step = Step(unit, due_s + self._late_s, self._origin_s + unit.capture_s / self._speed)
        self._advance()
        return step

    def catch_up(self) -> None:
        """Forget the delay of a slow time: the pictures from now on are seen when they are sent."""
        self._origin_s += self._late_s
        self._last_due_s += self._late_s
        self._late_s = 0.0

    def _advance(self) -> None:
        self._index += 1
        if self._index == len(self._clip.units):
            self._index = 0
            self._origin_s += self._clip.period_s / self._speed

    def _load(self, clip: Clip) -> None:
        self._clip = clip
        self._speed = self._fps / clip.fps if self._fps else 1.0
