"""Which frames of a stream are taken: a rate on the stream's own time line. Pure: no clock, no decoder."""

from dataclasses import dataclass
from math import inf

_EARLY_S = 0.02
"""A frame so much before its time is taken (or a quarter of the interval, if that is less): PTS are rounded and
jitter, and waiting for the next frame would halve the rate when the stream's own rate is asked for."""
_JUMP_S = 1.0
"""Beyond the interval and this, PTS that run ahead of their grid, or stand still while frames come, have jumped."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many frames of a stream are wanted.

    Raises:
        ValueError: fps is not above 0.
    """

    fps: float | None = None
    """Frames a second; None: every one."""
    keyframes: bool = False
    """Keyframes only, of those at most `fps` a second."""

    def __post_init__(self) -> None:
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"fps must be above 0, not {self.fps}")

    @property
    def interval_s(self) -> float:
        return 0.0 if self.fps is None else 1.0 / self.fps


class Sampler:
    """Picks frames on a grid of `1/fps` seconds of PTS.

    The grid doesn't drift: it advances by the interval, not from the frame taken. After a gap, a jump of the PTS or a
    change between frames with and without PTS it is laid anew, at least an interval after the last frame taken, so
    that nothing bursts. The same time line always gives the same frames.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._keyframes = sampling.keyframes
        self._interval_s = sampling.interval_s
        self._early_s = min(_EARLY_S, sampling.interval_s / 4)
        self._on_pts = False
        self._due_s: float | None = None
        self._taken_at_s: float | None = None

    @property
    def interval_s(self) -> float | None:
        """Between frames taken; 0 for every one, None where only keyframes are."""
        return None if self._keyframes else self._interval_s

    @property
    def due_s(self) -> float | None:
        """The PTS from which on a frame is taken; infinite where only keyframes are, None while it isn't known."""
        if self._keyframes:
            return inf
        return self._due_s if self._on_pts else None

    def change(self, fps: float) -> None:
        """Another rate from now on; the frame taken last counts."""
        interval_s = Sampling(fps).interval_s
        if self._due_s is not None:
            self._due_s += interval_s - self._interval_s
        self._interval_s = interval_s
        self._early_s = min(_EARLY_S, interval_s / 4)

    def take(self, pts_s: float | None, now_s: float) -> None:
        """This frame is taken whether it is due or not; the next one is due an interval later."""
        self._on_pts = pts_s is not None
        self._due_s = (now_s if pts_s is None else pts_s) + self._interval_s
        self._taken_at_s = now_s

    def due(self, pts_s: float | None, now_s: float, keyframe: bool, snap_s: float = 0.0) -> bool:
        """Whether this frame is taken; call once a frame, in display order.

        `now_s` is a monotonic clock of the frames' arrival (of a recording: its media time); it stands in for a PTS
        that is missing or frozen. The grid is laid anew at a keyframe that is within `snap_s` of its time.
        """
        if self._keyframes and not keyframe:
            return False
        if not self._interval_s:
            return True
        time_s = now_s if pts_s is None else pts_s
        due_s = self._due(time_s, now_s, on_pts=pts_s is not None)
        if keyframe and abs(time_s - due_s) <= snap_s:
            due_s = time_s
        taken = time_s >= due_s - self._early_s
        if taken:
            due_s = self._interval_s + (time_s if time_s - due_s >= self._interval_s else due_s)
            self._taken_at_s = now_s
        self._due_s = due_s
        return taken

    def _due(self, time_s: float, now_s: float, on_pts: bool) -> float:
        """When the next frame is due, on the time line of `time_s`."""
        due_s = self._due_s
        if due_s is None or on_pts != self._on_pts or self._broken(due_s, time_s, now_s):
            self._on_pts = on_pts
            return time_s + self._rest_s(now_s)
        return due_s

    def _broken(self, due_s: float, time_s: float, now_s: float) -> bool:
        """Whether the time line jumped, back over the last frame taken or far ahead, or stands still."""
        ahead_s = time_s - due_s
        waited_s = now_s - self._taken_at_s if self._taken_at_s is not None else 0.0
        return (
            ahead_s < -1.5 * self._interval_s
            or ahead_s > self._interval_s + _JUMP_S
            or waited_s > 2 * self._interval_s + _JUMP_S
        )

    def _rest_s(self, now_s: float) -> float:
        """What is left of the interval since the last frame taken, by the clock."""
        if self._taken_at_s is None:
            return 0.0
        return max(0.0, self._interval_s - (now_s - self._taken_at_s))
