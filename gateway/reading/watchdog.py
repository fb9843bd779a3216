"""Whether pictures still come out of a live stream. Pure: the caller brings the time."""

from enum import Enum

_GAPS = 2.5
"""Where only keyframes are decoded, silence of this many keyframe gaps is no stall yet."""


class Pulse(Enum):
    """What a watchdog found."""

    ALIVE = "alive"
    STALLED = "stalled"
    DEAD = "dead"


class Watchdog:
    """Watches decoded frames, not bytes: a camera can send garbage, or answer keep-alives, for ever.

    It starts at once, so that a server which is silent after PLAY is noticed.
    """

    def __init__(self, stall_s: float, dead_s: float, now_s: float) -> None:
        self._stall_s = stall_s
        self._grace_s = dead_s - stall_s
        self._fed_s = now_s

    def feed(self, now_s: float) -> None:
        """A frame was decoded."""
        self._fed_s = now_s

    def silent_s(self, now_s: float) -> float:
        return now_s - self._fed_s

    def check(self, now_s: float, keyframe_gap_s: float | None) -> Pulse:
        """`keyframe_gap_s` is the stream's while only keyframes are decoded, else None."""
        limit_s = max(self._stall_s, _GAPS * (keyframe_gap_s or 0.0))
        silent_s = self.silent_s(now_s)
        if silent_s < limit_s:
            return Pulse.ALIVE
        return Pulse.STALLED if silent_s < limit_s + self._grace_s else Pulse.DEAD
