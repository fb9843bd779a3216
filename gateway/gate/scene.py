"""The differencing: what is new in a scene, and what of it moves. Pure."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.gate.background import Background, HighPass, Luma, Plane, Spread
from gateway.gate.policy import Polygon

Box = tuple[float, float, float, float]
"""x, y, width, height in 0–1 of the picture."""
Blobs = tuple[Box, ...]
"""The heaviest first."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers that were tuned (benchmarks/gate); in grey levels and pixels of a 320x180 picture."""

    spreads: float = 4.0
    """A pixel is new, or moved, beyond so many spreads."""
    least_spread: float = 1.25
    new_mass: float = 10.0
    moving_mass: float = 10.0
    """The least a blob weighs: the sum of its pixels' difference over their threshold, each counted 3 at most."""
    lag_looks: int = 2
    """Movement is the difference to the look so many before."""
    mean_s: float = 20.0
    spread_s: float = 40.0
    """Time constants of learning; while a scene is young it learns faster."""
    first_spread: float = 4.0


TUNED = Thresholds()
_HEAVIEST_PIXEL = 3.0
_RECENT = 0.4
_YOUNG_S = 2.0
_MOST_BLOBS = 8
_JOIN = np.ones((3, 3), np.uint8)
"""Pixels so near one another are one blob."""


class Scene:
    """Compares small pictures with the background, and with one another."""

    def __init__(self, ignore: Sequence[Polygon] = (), thresholds: Thresholds = TUNED) -> None:
        self._ignore = ignore
        self._set = thresholds
        self._high_pass: HighPass | None = None
        self._background: Background | None = None
        self._spread = self._flicker = self._new_spread((1, 1))
        self._age_s = 0.0
        self._recent: Plane | None = None
        self._before: deque[tuple[Plane, Plane]] = deque(maxlen=thresholds.lag_looks)

    def new(self, luma: Luma, since_s: float) -> Blobs:
        """The blobs that the background has not, in a picture `since_s` after the last; learns if there are none."""
        background, residual = self._residual(luma, since_s)
        blobs = heavy_blobs(self._excess(residual, self._spread), self._set.new_mass)
        self._spread.learn(residual, self._rate(since_s, self._set.spread_s))
        if not blobs:
            background.learn(residual, self._rate(since_s, self._set.mean_s))
        return blobs

    def moving(self, luma: Luma, since_s: float) -> Blobs:
        """The blobs that are new and move, in one of a row of pictures."""
        background, residual = self._residual(luma, since_s)
        excess = self._excess(residual, self._spread)
        blobs: Blobs = ()
        if len(self._before) == self._set.lag_looks:
            residual_before, excess_before = self._before[0]
            change = np.subtract(residual, residual_before)
            moved = self._excess(change, self._flicker)
            moved[(excess + excess_before) == 0] = 0
            blobs = heavy_blobs(moved, self._set.moving_mass)
            self._flicker.learn(change, self._rate(since_s, self._set.spread_s))
        self._before.append((residual, excess))
        self._recent = residual if self._recent is None else self._recent + _RECENT * (residual - self._recent)
        self._spread.learn(residual, self._rate(since_s, self._set.spread_s))
        background.learn(residual, self._rate(since_s, self._set.mean_s))
        return blobs

    def restart(self) -> None:
        """The next picture doesn't follow the one before."""
        self._before.clear()
        self._recent = None

    def settle(self) -> None:
        """Nothing moves any more: what stands there now belongs to the background."""
        if self._background is not None and self._recent is not None:
            new = self._excess(self._recent, self._spread) > 0
            self._background.adopt(self._recent, new)
        self.restart()

    def _residual(self, luma: Luma, since_s: float) -> tuple[Background, Plane]:
        background, high_pass = self._background, self._high_pass
        if background is None or high_pass is None or background.mean.shape != luma.shape:
            shape = (luma.shape[0], luma.shape[1])
            high_pass = self._high_pass = HighPass(shape, self._ignore)
            background = self._background = Background(high_pass.detail(luma), high_pass.counted)
            self._spread, self._flicker = (self._new_spread(shape) for _ in range(2))
            self._age_s = 0.0
            self.restart()
        self._age_s += since_s
        return background, background.residual(high_pass.detail(luma))

    def _new_spread(self, shape: tuple[int, ...]) -> Spread:
        return Spread(shape, self._set.first_spread, self._set.least_spread)

    def _excess(self, difference: Plane, spread: Spread) -> Plane:
        """Each pixel's difference over its threshold, 0 below it."""
        ratio = cv2.divide(np.abs(difference), spread.levels, scale=1 / self._set.spreads)
        _, above = cv2.threshold(ratio, 1, 0, cv2.THRESH_TOZERO)
        return np.minimum(above, _HEAVIEST_PIXEL, dtype=np.float32)

    def _rate(self, since_s: float, time_constant_s: float) -> float:
        """How far to go in `since_s`."""
        return 1 - math.exp(-since_s / min(time_constant_s, _YOUNG_S + self._age_s))


def heavy_blobs(excess: Plane, least: float) -> Blobs:
    """Connected pixels that weigh at least `least` together, the 8 heaviest."""
    rows, columns = np.divmod(np.flatnonzero(excess > 0), excess.shape[1])
    weights = excess[rows, columns]
    if weights.sum() < least:
        return ()
    top, left = max(0, int(rows.min()) - 1), max(0, int(columns.min()) - 1)
    part = excess[top : rows.max() + 2, left : columns.max() + 2]
    mask = cv2.dilate((part > 0).astype(np.uint8), _JOIN)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    masses = np.bincount(labels[rows - top, columns - left], weights, count)
    heaviest = [label for label in np.argsort(-masses)[:_MOST_BLOBS] if masses[label] >= least]
    return tuple(_box(stats[label], left, top, excess.shape) for label in heaviest)


def _box(stats: NDArray[np.int32], left: int, top: int, shape: tuple[int, ...]) -> Box:
    x, y, width, height = (int(value) for value in stats[:4])
    return ((x + left) / shape[1], (y + top) / shape[0], width / shape[1], height / shape[0])
