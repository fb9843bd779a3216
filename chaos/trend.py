"""Does it grow? The slope of a series, and how sure that is.

The slope is Theil's and Sen's, the median of the slopes of all pairs, which outliers don't move (H. Theil 1950; P. K.
Sen, JASA 63, 1968). What a process holds now is much as it was a moment ago, so that the textbook interval would be far
too narrow: here it is the 95 % interval of a moving-block bootstrap of the residuals (H. R. Künsch, Annals of
Statistics 17, 1989), which keeps them in blocks as long as they remember.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
_MOST_POINTS = 160
_RESAMPLES = 400


@dataclass(frozen=True)
class Slope:
    """Of a series, per hour; the interval holds the true one in 95 of 100 cases."""

    per_hour: float
    low: float
    high: float


def slope_of(times_s: Sequence[float], values: Sequence[float], seed: int = 1) -> Slope:
    """The trend of `values`; there must be at least 8. Long series are averaged to 160 points."""
    hours, means = _averaged(np.asarray(times_s, float) / 3600, np.asarray(values, float))
    pairs = np.triu_indices(len(hours), 1)
    apart = hours[pairs[1]] - hours[pairs[0]]

    def slope(line: Series) -> float:
        return float(np.median((line[pairs[1]] - line[pairs[0]]) / apart))

    found = slope(means)
    trend = found * (hours - hours.mean())
    residuals = means - trend - np.median(means - trend)
    rng, block = np.random.default_rng(seed), _block(residuals)
    drawn = [slope(trend + _resampled(residuals, block, rng)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Slope(found, float(low), float(high))


def _averaged(hours: Series, values: Series) -> tuple[Series, Series]:
    parts = min(_MOST_POINTS, len(hours))
    split = np.array_split(np.arange(len(hours)), parts)
    return (np.array([hours[part].mean() for part in split]), np.array([values[part].mean() for part in split]))


def _block(residuals: Series) -> int:
    """Four times the lag at which they are hardly like themselves any more, at least a few and at most a quarter."""
    length, centred = len(residuals), residuals - residuals.mean()
    power = float(centred @ centred)
    lag = 1
    while power and lag < length // 16 and float(centred[lag:] @ centred[:-lag]) / power > 0.2:
        lag += 1
    return max(3, min(4 * lag, length // 4))


def _resampled(residuals: Series, block: int, rng: np.random.Generator) -> Series:
    starts = rng.integers(0, len(residuals) - block + 1, -(-len(residuals) // block))
    return np.concatenate([residuals[start : start + block] for start in starts])[: len(residuals)]
