"""How far apart a stream's keyframes are, seen on the stream itself. Pure."""

from collections import deque

_JUMP_S = 60.0
"""Time stamps further apart than this have jumped."""


class KeyframeGap:
    """The longest of the last gaps, and of the one that is going on."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=4)
        self._longest_s: float | None = None
        """Of these."""
        self._keyframe_s: float | None = None
        self._now_s: float | None = None

    def packet(self, time_s: float, keyframe: bool) -> None:
        if self._now_s is not None and not -1.0 < time_s - self._now_s < _JUMP_S:
            self._keyframe_s = None  # the time line jumped: what was before says nothing about now
        self._now_s = time_s
        if keyframe:
            if self._keyframe_s is not None and time_s > self._keyframe_s:
                self._gaps.append(time_s - self._keyframe_s)
                self._longest_s = max(self._gaps)
            self._keyframe_s = time_s

    @property
    def seconds(self) -> float | None:
        """None before a keyframe's time is known."""
        longest_s = self._longest_s
        if self._keyframe_s is None or self._now_s is None:
            return longest_s
        running_s = self._now_s - self._keyframe_s
        if longest_s is None:
            return running_s if running_s > 0 else None
        return max(longest_s, running_s)
