"""Whether a camera's picture is bad: judged from what workers measured in its frames, in order. Pure.

What is usual for a camera is learned from its good frames: sharpness as a slow mean, the hash (dHash, 64 bits) as a
mean of each bit, so that bits which the scene itself flips say nothing. Every condition has two bounds, and a time for
which its signs must hold before it is said or taken back.
"""

import re
from dataclasses import dataclass, field

from events.settings import PictureSettings
from vedette.messages import Input

FROZEN, COVERED, MOVED, OVEREXPOSED, UNDEREXPOSED = "frozen", "covered", "moved", "overexposed", "underexposed"
CONDITIONS = (FROZEN, COVERED, MOVED, OVEREXPOSED, UNDEREXPOSED)
_BITS = 64
_WHITE = 255.0
_SHARPEST = 8 * 255.0**2 * 4
"""Bound of the variance of a Laplacian of 8 bits."""
_HASH = re.compile(r"[0-9a-fA-F]{16}", re.ASCII)
_LEARNED_FRAMES = 5
"""Before that nothing is usual, and neither `covered` nor `moved` can be told."""
_RATE = 0.05
_SURE = 0.3
"""Bits that are set in less than this share of frames, or in more than the rest, count."""


@dataclass(slots=True)
class Sign:
    """Of one condition; plain data."""

    is_said: bool = False
    since_s: float | None = None
    """From when on the signs say otherwise than what is said."""
    frames: int = 0


@dataclass(slots=True)
class PictureState:
    """What is known of a camera's picture; plain data."""

    signs: dict[str, Sign] = field(default_factory=lambda: {name: Sign() for name in CONDITIONS})
    sharpness: float = 0.0
    bits: list[float] = field(default_factory=list)
    learned: int = 0
    latest: tuple[float, float, str] | None = None
    """Luminance, sharpness, hash of the frame before."""
    same_since_s: float = 0.0
    same_frames: int = 0

    @property
    def conditions(self) -> tuple[str, ...]:
        """Those that are said."""
        return tuple(name for name in CONDITIONS if self.signs[name].is_said)


class PictureJudge:
    """Judges one camera's picture; its state is the caller's."""

    def __init__(self, settings: PictureSettings) -> None:
        self._settings = settings

    def see(self, state: PictureState, measured: Input, now_s: float) -> bool:
        """Take a frame's measures in; whether the conditions changed. Without all three measures nothing is judged."""
        luminance, sharpness = measured.luminance, measured.sharpness
        bits = _bits(measured.hash)
        if luminance is None or sharpness is None or bits is None:
            return False
        if not (0 <= luminance <= _WHITE and 0 <= sharpness <= _SHARPEST):  # nor where it is no number
            return False
        before = state.conditions
        self._compare(state, (luminance, sharpness, measured.hash or ""), now_s)
        self._judge(state, luminance, sharpness, bits, now_s)
        if self._has_moved_for_good(state, before):
            state.bits, state.sharpness, state.learned = [], 0.0, 0
        elif not any(state.signs[name].is_said or state.signs[name].since_s is not None for name in CONDITIONS):
            _learn(state, sharpness, bits)
        return state.conditions != before

    def _compare(self, state: PictureState, measures: tuple[float, float, str], now_s: float) -> None:
        if measures == state.latest:
            state.same_frames += 1
        else:
            state.latest, state.same_since_s, state.same_frames = measures, now_s, 1

    def _judge(self, state: PictureState, luminance: float, sharpness: float, bits: list[int], now_s: float) -> None:
        known = state.learned >= _LEARNED_FRAMES
        signs, settings = state.signs, self._settings
        dark, dark_again = settings.dark
        bright, bright_again = settings.bright
        self._say(signs[UNDEREXPOSED], luminance < _of(signs[UNDEREXPOSED], dark, dark_again), now_s)
        self._say(signs[OVEREXPOSED], luminance > _of(signs[OVEREXPOSED], bright, bright_again), now_s)
        share = sharpness / state.sharpness if known and state.sharpness > 0 else 1.0
        blind = luminance < dark_again or luminance > bright_again
        self._say(signs[COVERED], not blind and share < _of(signs[COVERED], *settings.covered), now_s)
        # A picture that is covered, dark or blown out has a hash of noise.
        differing = _differing(state.bits, bits) if known and not blind and not signs[COVERED].is_said else 0.0
        plain = share < settings.covered[1]
        self._say(signs[MOVED], not plain and differing > _of(signs[MOVED], *settings.moved_bits), now_s)
        self._say_frozen(state, now_s)

    def _say(self, sign: Sign, shows: bool, now_s: float) -> None:
        if shows == sign.is_said:
            sign.since_s, sign.frames = None, 0
            return
        if sign.since_s is None:
            sign.since_s = now_s
        sign.frames += 1
        if now_s - sign.since_s >= self._settings.settle_s and sign.frames >= self._settings.settle_frames:
            sign.is_said, sign.since_s, sign.frames = shows, None, 0

    def _say_frozen(self, state: PictureState, now_s: float) -> None:
        """Has its own time; one frame that differs thaws it: a frozen picture has none."""
        sign, settings = state.signs[FROZEN], self._settings
        if state.same_frames <= 1:
            sign.is_said = False
        elif now_s - state.same_since_s >= settings.frozen_s and state.same_frames > settings.settle_frames:
            sign.is_said = True

    @staticmethod
    def _has_moved_for_good(state: PictureState, before: tuple[str, ...]) -> bool:
        """It was just said that the camera moved: what it shows from now on is what is usual, once it is learned."""
        return MOVED in state.conditions and MOVED not in before


def _of(sign: Sign, bad: float, good_again: float) -> float:
    return good_again if sign.is_said else bad


def _bits(text: str | None) -> list[int] | None:
    if text is None or not _HASH.fullmatch(text):
        return None
    value = int(text, 16)
    return [value >> bit & 1 for bit in range(_BITS)]


def _differing(usual: list[float], bits: list[int]) -> float:
    """How many of the 64 bits are not as usual, of those that have a usual value (scaled up to 64)."""
    sure = [(mean, bit) for mean, bit in zip(usual, bits, strict=True) if not _SURE < mean < 1 - _SURE]
    if len(sure) < _BITS // 4:
        return 0.0
    return sum(abs(mean - bit) > 0.5 for mean, bit in sure) * _BITS / len(sure)


def _learn(state: PictureState, sharpness: float, bits: list[int]) -> None:
    rate = max(_RATE, 1 / (state.learned + 1))
    if not state.bits:
        state.bits = [float(bit) for bit in bits]
    state.bits = [mean + rate * (bit - mean) for mean, bit in zip(state.bits, bits, strict=True)]
    state.sharpness += rate * (sharpness - state.sharpness)
    state.learned += 1
