"""How far apart a stream's keyframes are, seen on the stream itself. Pure."""

from collections import deque

_JUMP_S = 60.0
"""Time stamps further apart than this have jumped."""


class KeyframeGap:
    """The longest of the last gaps, and of the one that is going on."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=4)
        self._keyframe_s: float | None = None
        self._now_s: float | None = None

    def packet(self, time_s: float, keyframe: bool) -> None:
        if self._now_s is not None and not -1.0 < time_s - self._now_s < _JUMP_S:
            self._keyframe_s = None  # the time line jumped: what was before says nothing about now
        self._now_s = time_s
        if keyframe:
            if self._keyframe_s is not None and time_s > self._keyframe_s:
                self._gaps.append(time_s - self._keyframe_s)
            self._keyframe_s = time_s

    @property
    def seconds(self) -> float | None:
        """None before a keyframe's time is known."""
        if self._keyframe_s is None or self._now_s is None:
            return max(self._gaps, default=None)
        running_s = self._now_s - self._keyframe_s
        return max((*self._gaps, running_s)) if self._gaps or running_s > 0 else None
