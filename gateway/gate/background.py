"""What a scene looks like when nothing happens, pixel by pixel. Pure."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.gate.policy import Polygon

Luma = NDArray[np.uint8]
Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_DETAIL_PX = 3
_COARSE, _LOCAL = 4, (11, 11)
"""The local mean that the high-pass takes off is of 44 x 44 pixels, wider than most objects are."""
_FIT_CLIP = 30.0
"""Differences beyond this are objects, not exposure or shake, and pull at the fit no more than this."""
_MOST_SHIFT_PX = 3.0
_USES_OF_A_FIT = 5
_SLOPE = np.array([[-0.5, 0, 0.5]], np.float32)
_MOST_GAIN = 0.6


def high_pass(luma: Luma) -> Plane:
    """Detail without noise of single pixels and without local brightness (grey levels)."""
    picture = luma.astype(np.float32)
    size = (luma.shape[1], luma.shape[0])
    coarse = cv2.resize(picture, None, fx=1 / _COARSE, fy=1 / _COARSE, interpolation=cv2.INTER_AREA)
    local = cv2.resize(cv2.blur(coarse, _LOCAL), size, interpolation=cv2.INTER_LINEAR)
    return _plane(cv2.subtract(cv2.blur(picture, (_DETAIL_PX, _DETAIL_PX)), local))


def counted(shape: tuple[int, int], ignore: Sequence[Polygon]) -> Mask:
    """The pixels outside of all `ignore` polygons, and of a pixel around them."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    for polygon in ignore:
        corners = np.round(np.array(polygon, np.float64) * (width, height) - 0.5).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1)
    reach = _DETAIL_PX // 2 + 1
    grown = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return np.asarray(grown == 0, np.bool_)


class Background:
    """Mean and mean deviation of each pixel's detail.

    A picture is compared after a least-squares fit of gain and shift, so that an exposure step or a mast that sways
    leaves little: the one step of Lucas and Kanade (1981), with a gain beside it.
    """

    def __init__(self, detail: Plane, deviation: float, counted: Mask) -> None:
        self.mean: Plane = detail.copy()
        self.deviation: Plane = np.full_like(detail, deviation)
        self.flicker: Plane = np.full_like(detail, deviation)
        """Mean difference of a pixel between looks."""
        self.counted: Plane = counted.astype(np.float32)
        self._changes: tuple[Plane, NDArray[np.float64]] | None = None
        self._uses = 0

    def residual(self, detail: Plane) -> Plane:
        """What `detail` has that the mean has not, gain and shift apart; 0 where nothing counts."""
        changes, normal = self._fitted()
        difference = cv2.subtract(detail, self.mean)
        target = np.clip(difference, -_FIT_CLIP, _FIT_CLIP).ravel()
        fit = np.linalg.solve(normal, (changes @ target).astype(np.float64))
        bounds = (_MOST_GAIN, _MOST_SHIFT_PX, _MOST_SHIFT_PX)
        fit = np.clip(fit, np.negative(bounds), bounds).astype(np.float32)
        explained = (fit @ changes).reshape(detail.shape)
        return _plane(cv2.multiply(cv2.subtract(difference, explained), self.counted))

    def learn(self, residual: Plane, mean_rate: float, deviation_rate: float) -> None:
        """Go `mean_rate` and `deviation_rate` of the way; residuals beyond 30 grey levels count as that."""
        clipped = np.clip(residual, -_FIT_CLIP, _FIT_CLIP)
        cv2.scaleAdd(clipped, mean_rate, self.mean, self.mean)
        cv2.accumulateWeighted(np.abs(clipped), self.deviation, deviation_rate)

    def learn_flicker(self, change: Plane, rate: float) -> None:
        cv2.accumulateWeighted(np.minimum(np.abs(change), _FIT_CLIP), self.flicker, rate)

    def adopt(self, residual: Plane, where: Mask) -> None:
        """What is there now belongs to the scene."""
        np.add(self.mean, residual, out=self.mean, where=where)
        self._changes = None

    def _fitted(self) -> tuple[Plane, NDArray[np.float64]]:
        """How the picture changes with gain and with a shift to the right and down, (3, pixels), and their products.

        Made anew every few uses: the mean moves slowly.
        """
        self._uses += 1
        if self._changes is None or self._uses % _USES_OF_A_FIT == 0:
            mean = cv2.multiply(self.mean, self.counted)
            right, down = (cv2.filter2D(mean, -1, kernel) for kernel in (_SLOPE, _SLOPE.T))
            changes = np.stack([mean.ravel(), right.ravel(), down.ravel()]).astype(np.float32, copy=False)
            normal = (changes @ changes.T).astype(np.float64)
            normal[np.diag_indices(3)] += 1e-3 * np.trace(normal) / 3 + 1e-6
            self._changes = (changes, normal)
        return self._changes


def _plane(array: object) -> Plane:
    return np.asarray(array, np.float32)
