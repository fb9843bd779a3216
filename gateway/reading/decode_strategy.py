"""Which packets are worth decoding, by what is sampled and by what the stream is. Pure.

- keyframes: nothing else, where no sample can fall between two of them;
- lazy: no packet between the last sample of a GOP and the next keyframe; samples snap to keyframes, so that the last
  one of a GOP comes early;
- nonref: no frame that no other refers to (most B-frames), where that moves samples by little;
- all.
"""

from collections import deque
from dataclasses import dataclass

_GAPS = 3
"""The gaps remembered; the longest counts."""
_GAPS_NEEDED = 2
_EQUAL, _GROWN = 1.02, 1.25
"""Keyframes only begins when gaps are no longer than the sampling interval (PTS are rounded), and is given up when one
is longer by a quarter: cameras vary their GOP a bit."""
_WORTH = 0.1
"""Lazy begins where the interval is at least this share of a GOP: on average half of it is saved, all where samples
keep step with the keyframes."""
_SNAP = 0.05
"""A sample snaps to a keyframe within this share of the gap, so that the rate is off by no more."""
_LATE_S = 0.15
"""A keyframe may be so late until the packets that were left out for its sake are decoded after all."""
_SHIFT = 0.25
"""Nonref begins where reference frames are no further apart than this share of the interval: samples shift by less."""


@dataclass(frozen=True, slots=True)
class Decode:
    """What is decoded of a GOP."""

    keyframes: bool = False
    lazy: bool = False
    nonref: bool = False

    def __str__(self) -> str:
        parts = [name for name in ("keyframes", "lazy", "nonref") if getattr(self, name)]
        return "+".join(parts) or "all"


ALL = Decode()


class DecodeStrategy:
    """Follows a stream's keyframes and frames, and says what to decode of each GOP.

    It changes only at a keyframe, so that a decoder never starts within a GOP; it begins with all, until two gaps were
    seen, unless nothing but keyframes is sampled. Times are seconds of PTS; None where a packet has none.
    """

    def __init__(self, interval_s: float | None, every_frame: bool = False) -> None:
        """`interval_s`: between samples of the most demanding pipeline; 0 takes every frame, None only keyframes.
        `every_frame`: decode all, whatever that is.
        """
        self.interval_s = interval_s
        """May be changed at any time."""
        self._every_frame = every_frame
        self.decode = Decode(keyframes=interval_s is None and not every_frame)
        """Of the current GOP."""
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._keyframe_s: float | None = None
        self._sound = True
        self._references = References()

    @property
    def sound(self) -> bool:
        """Whether keyframes can be decoded alone, as far as is known."""
        return self._sound

    @property
    def keyframe_gap_s(self) -> float | None:
        """The longest of the last few gaps between keyframes; None before two of them were seen."""
        return max(self._gaps) if self._gaps else None

    @property
    def snap_s(self) -> float:
        """How far from its due time a sample is taken where that is at a keyframe."""
        if not self.decode.lazy or not self._gaps or not self.interval_s:
            return 0.0
        return min(_SNAP * max(self._gaps), self.interval_s / 4)

    def observe(self, keyframe: bool, time_s: float | None) -> Decode:
        """Take note of a packet; returns `decode`, which holds from it on."""
        if keyframe:
            self._measure(time_s)
            self.decode = self._choose()
        return self.decode

    def saw(self, time_s: float | None, reference: bool, keyframe: bool) -> None:
        """A frame was decoded; `reference`: others may refer to it; `keyframe`: its GOP's first."""
        self._references.saw(time_s, reference, keyframe, self.decode.nonref)

    def leaves(self, time_s: float | None, due_s: float | None) -> bool:
        """Whether a packet need not be decoded yet, since the next sample (due at `due_s`) will be a keyframe."""
        if not self.decode.lazy or None in (time_s, due_s, self._keyframe_s):
            return False
        assert time_s is not None and due_s is not None and self._keyframe_s is not None  # noqa: S101
        if self.interval_s is None or due_s > time_s + 1.5 * self.interval_s:
            return False  # the time line jumped back: what is due must be found anew
        expected_s = self._keyframe_s + max(self._gaps)
        return due_s >= expected_s - self.snap_s and time_s < max(due_s, expected_s) + _LATE_S

    def forbid(self) -> None:
        """Decode all from the next keyframe on: this stream's keyframes can't be decoded alone (intra refresh)."""
        self._sound = False

    def restart(self) -> None:
        """Another connection, or another pass over a file: the time since the last keyframe means nothing."""
        self._keyframe_s = None
        self._references.restart()

    def _measure(self, time_s: float | None) -> None:
        if time_s is not None and self._keyframe_s is not None and time_s > self._keyframe_s:
            self._gaps.append(time_s - self._keyframe_s)
        self._keyframe_s = time_s

    def _choose(self) -> Decode:
        if self._every_frame or self.interval_s == 0:
            return ALL
        if self.interval_s is None:
            return Decode(keyframes=self._sound)
        nonref = self._references.apart_by_at_most(self.interval_s * _SHIFT)
        if not self._sound or len(self._gaps) < _GAPS_NEEDED:
            return Decode(nonref=nonref)
        if max(self._gaps) <= self.interval_s * (_GROWN if self.decode.keyframes else _EQUAL):
            return Decode(keyframes=True)
        return Decode(lazy=self.interval_s >= _WORTH * max(self._gaps), nonref=nonref)


class References:
    """How far apart the frames are that others refer to, in a stream that has B-frames."""

    def __init__(self) -> None:
        self._b_frames = False
        self._widest_s: float | None = None
        self._widest_so_far_s = 0.0
        self._last_s: float | None = None

    def apart_by_at_most(self, limit_s: float) -> bool:
        return self._b_frames and self._widest_s is not None and self._widest_s <= limit_s

    def saw(self, time_s: float | None, reference: bool, keyframe: bool, alone: bool) -> None:
        """A frame in display order. `alone`: only references are decoded, so all that come count as such."""
        if time_s is None:
            self.restart()
            return
        if keyframe:
            if self._widest_so_far_s:
                self._widest_s = self._widest_so_far_s
            self._widest_so_far_s, self._last_s = 0.0, None
        if not (reference or alone):
            self._b_frames = True
            return
        if self._last_s is not None:
            self._widest_so_far_s = max(self._widest_so_far_s, time_s - self._last_s)
        self._last_s = time_s

    def restart(self) -> None:
        """What comes doesn't follow what came."""
        self._widest_so_far_s, self._last_s = 0.0, None
