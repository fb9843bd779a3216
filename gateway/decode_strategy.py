"""Which packets are worth decoding: all, or keyframes only where no sample can fall between two. Pure."""

from collections import deque
from collections.abc import Sequence

from gateway.sampler import Sampling

_GAPS = 3
"""The gaps remembered; the longest counts."""
_GAPS_NEEDED = 2
_EQUAL, _GROWN = 1.02, 1.25
"""Keyframes only begins when gaps are no longer than the sampling interval (PTS are rounded), and is given up when one
is longer by a quarter: cameras vary their GOP a bit."""


class DecodeStrategy:
    """Follows a stream's keyframes and says whether to decode nothing else.

    That is so when each sampling wants keyframes, or comes no more often than they do. Decoding a 1080p stream's
    keyframes costs an eighth of decoding it all. It changes only at a keyframe, so that a decoder never starts within
    a GOP; it begins with all, until two gaps were seen.
    """

    def __init__(self, samplings: Sequence[Sampling]) -> None:
        rates = [sampling.interval_s for sampling in samplings if not sampling.keyframes]
        self._interval_s = min(rates) if rates else None
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._last_s: float | None = None
        self._possible = True
        self.keyframes_only = self._interval_s is None
        """Whether packets that are no keyframes are to be left out."""

    @property
    def keyframe_gap_s(self) -> float | None:
        """The longest of the last few gaps between keyframes; None before two of them were seen."""
        return max(self._gaps) if self._gaps else None

    def observe(self, keyframe: bool, time_s: float | None) -> bool:
        """Take note of a packet, with its time in the stream; returns `keyframes_only`, which holds from it on."""
        if keyframe:
            self._measure(time_s)
            self.keyframes_only = self._possible and (self._interval_s is None or self._worthwhile(self._interval_s))
        return self.keyframes_only

    def forbid(self) -> None:
        """Decode all from the next keyframe on: this stream's keyframes can't be decoded alone (intra refresh)."""
        self._possible = False

    def restart(self) -> None:
        """Another connection, or another pass over a file: the time since the last keyframe means nothing."""
        self._last_s = None

    def _measure(self, time_s: float | None) -> None:
        if time_s is not None and self._last_s is not None and time_s > self._last_s:
            self._gaps.append(time_s - self._last_s)
        self._last_s = time_s

    def _worthwhile(self, interval_s: float) -> bool:
        if len(self._gaps) < _GAPS_NEEDED:
            return self.keyframes_only
        return max(self._gaps) <= interval_s * (_GROWN if self.keyframes_only else _EQUAL)
