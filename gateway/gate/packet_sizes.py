"""Early warning from packet sizes, where they can be trusted. Pure."""

import math

_PHASES = 512
"""Positions in the GOP that are told apart; a frame type repeats with the position."""
_TRUST = 0.10
"""The spread of log sizes x bytes a macroblock, up to which sizes follow what is seen and not noise."""
_SLACK = 0.5
_ALARM = 8.0
"""The CUSUM's slack a packet and its threshold, in spreads."""
_KNOWN = 3
"""A position is known after so many GOPs."""
_RATE = 0.05
_SPREAD_RATE = 0.01
_LEAST_SPREAD = 0.02


class PacketSizes:
    """A one-sided CUSUM on the logarithm of packet sizes, for each position in the GOP.

    It only makes the gate earlier, and only on streams whose sizes follow what is seen: `trusted` measures that on the
    stream itself (spread of the log sizes x bytes a P frame / macroblocks a picture, at most 0.10). Noisy and constant
    bit rate streams fail it.
    """

    def __init__(self) -> None:
        self._mean = [0.0] * _PHASES
        self._seen = [0] * _PHASES
        self._spread = 1.0
        self._bytes = 0.0
        self._macroblocks = 0
        self._phase = 0
        self._sum = 0.0

    def picture(self, width: int, height: int) -> None:
        """The size of the coded picture; until it is known nothing is trusted."""
        self._macroblocks = math.ceil(width / 16) * math.ceil(height / 16)

    @property
    def trusted(self) -> bool:
        return (
            self._macroblocks > 0
            and max(self._seen) >= _KNOWN
            and self._spread * self._bytes / self._macroblocks <= _TRUST
        )

    def packet(self, size_bytes: int, keyframe: bool, learn: bool) -> bool:
        """Whether sizes now say that something changed; `learn` while nothing else says so."""
        self._phase = 0 if keyframe else min(self._phase + 1, _PHASES - 1)
        if keyframe or size_bytes <= 0:
            return False
        phase, log_size = self._phase, math.log(size_bytes)
        known = self._seen[phase] >= _KNOWN
        excess = log_size - self._mean[phase]
        if known:
            score = excess / max(self._spread, _LEAST_SPREAD)
            self._sum = max(0.0, min(2 * _ALARM, self._sum + score - _SLACK))
        if learn:
            self._learn(phase, size_bytes, log_size, excess, known)
        return known and self._sum > _ALARM and self.trusted

    def forget_alarm(self) -> None:
        self._sum = 0.0

    def _learn(self, phase: int, size_bytes: int, log_size: float, excess: float, known: bool) -> None:
        self._seen[phase] += 1
        rate = max(_RATE, 1 / self._seen[phase])
        self._mean[phase] += rate * (excess if self._seen[phase] > 1 else log_size)
        self._bytes += _RATE * (size_bytes - self._bytes) if self._bytes else size_bytes
        if known:
            self._spread += _SPREAD_RATE * (min(1.25 * abs(excess), 3 * self._spread) - self._spread)
