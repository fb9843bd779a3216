"""What became of each access unit that was read: each of them ends once. Pure.

A packet may be decoded twice: alone as a keyframe behind the gate, and again when the gate opens. So its fate is open
for as long as a buffer may hold it, and the best that happened to it counts.
"""

from collections import deque

from gateway.reading.interface import ReaderStats

FATES = ("unsampled", "gated", "held", "corrupt", "sampled")
"""Worst first. `unsampled`: skipped, or decoded and no pipeline's turn; the others as `ReaderStats` says of them."""

_GOPS = 4
"""Buffers hold the current GOP and two before it: what came before the fourth last keyframe is decided."""
_MOST = 2048
"""Packets whose fate is open, at most: streams that send no keyframe for minutes."""
_RANK = {fate: rank for rank, fate in enumerate(FATES)}


class Account:
    """Of one reader. It counts in the stats' fields `ended_<fate>`."""

    def __init__(self, stats: ReaderStats) -> None:
        self._stats = stats
        self._open: dict[float, str] = {}
        self._keyframes: deque[float] = deque()

    def enter(self, arrived_s: float, keyframe: bool) -> None:
        """A packet came; `arrived_s` is the name of it here."""
        if keyframe:
            self._keyframes.append(arrived_s)
            if len(self._keyframes) > _GOPS:
                self._keyframes.popleft()
                self._end_before(self._keyframes[0])
        if arrived_s in self._open:
            self._end(arrived_s)
        self._open[arrived_s] = "unsampled"
        if len(self._open) > _MOST:
            self._end(next(iter(self._open)))

    def mark(self, arrived_s: float, fate: str) -> None:
        """So it ends, unless something better happens to it or did; one that is unknown or has ended is left alone."""
        before = self._open.get(arrived_s)
        if before is not None and _RANK[fate] > _RANK[before]:
            self._open[arrived_s] = fate

    def close(self) -> None:
        """Nothing more becomes of what came so far."""
        self._keyframes.clear()
        while self._open:
            self._end(next(iter(self._open)))

    def _end_before(self, keyframe_s: float) -> None:
        while self._open and (first := next(iter(self._open))) != keyframe_s:
            self._end(first)

    def _end(self, arrived_s: float) -> None:
        counter = f"ended_{self._open.pop(arrived_s)}"
        setattr(self._stats, counter, getattr(self._stats, counter) + 1)
