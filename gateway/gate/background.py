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
_LEAST_SHARE = 1e-3
_FIT_CLIP = 30.0
"""Differences beyond this are objects, not exposure or shake, and pull at the fit no more than this."""
_MOST_SHIFT_PX = 3.0
_USES_OF_A_FIT = 5
_SLOPE = np.array([[-0.5, 0, 0.5]], np.float32)
_MOST_GAIN = 0.6


class HighPass:
    """Takes local brightness and the noise of single pixels off pictures of one shape."""

    def __init__(self, shape: tuple[int, int], ignore: Sequence[Polygon]) -> None:
        self.counted = _counted(shape, ignore)
        """1 where a pixel counts, 0 inside of `ignore` and just around it."""
        self._share = np.maximum(_local(self.counted), _LEAST_SHARE)

    def detail(self, luma: Luma) -> Plane:
        """Grey levels off the local mean; what is ignored has no part in that mean."""
        picture = luma.astype(np.float32)
        local = cv2.divide(_local(_plane(cv2.multiply(picture, self.counted))), self._share)
        return _plane(cv2.subtract(cv2.blur(picture, (_DETAIL_PX, _DETAIL_PX)), local))


def _local(picture: Plane) -> Plane:
    size = (picture.shape[1], picture.shape[0])
    small = (max(1, round(size[0] / _COARSE)), max(1, round(size[1] / _COARSE)))
    coarse = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return _plane(cv2.resize(cv2.blur(coarse, _LOCAL), size, interpolation=cv2.INTER_LINEAR))


def _counted(shape: tuple[int, int], ignore: Sequence[Polygon]) -> Plane:
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    for polygon in ignore:
        corners = np.round(np.array(polygon, np.float64) * (width, height) - 0.5).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1)
    reach = _DETAIL_PX // 2 + 1
    grown = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return _plane(grown == 0)


class Spread:
    """What three quarters of a pixel's differences stay under, each pixel for itself.

    A quantile, because a mean would go blind where people walk often: what covers a pixel for less than a quarter of
    the time leaves it as it is, while leaves that never rest raise it.
    """

    def __init__(self, shape: tuple[int, ...], first: float, least: float) -> None:
        self.levels: Plane = np.full(shape, first, np.float32)
        self._least = least

    def learn(self, difference: Plane, rate: float) -> None:
        """Go up or down by `rate` (up thrice as fast: that makes it the quantile)."""
        above = np.abs(difference) > self.levels
        self.levels *= np.where(above, np.float32(1 + 3 * rate), np.float32(1 / (1 + rate)))
        np.clip(self.levels, self._least, _FIT_CLIP, out=self.levels)


class Background:
    """Mean and spread of each pixel's detail.

    A picture is compared after a least-squares fit of gain and shift, so that an exposure step or a mast that sways
    leaves little: the one step of Lucas and Kanade (1981), with a gain beside it.
    """

    def __init__(self, detail: Plane, counted: Plane) -> None:
        self.mean: Plane = detail.copy()
        self._counted = counted
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
        return _plane(cv2.multiply(cv2.subtract(difference, explained), self._counted))

    def learn(self, residual: Plane, rate: float) -> None:
        """Move the mean by `rate` of the residual; residuals beyond 30 grey levels count as that."""
        cv2.scaleAdd(np.clip(residual, -_FIT_CLIP, _FIT_CLIP), rate, self.mean, self.mean)

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
            slopes = (cv2.filter2D(self.mean, -1, kernel) for kernel in (_SLOPE, _SLOPE.T))
            changes = _plane([cv2.multiply(change, self._counted).ravel() for change in (self.mean, *slopes)])
            normal = (changes @ changes.T).astype(np.float64)
            normal[np.diag_indices(3)] += 1e-3 * np.trace(normal) / 3 + 1e-6
            self._changes = (changes, normal)
        return self._changes


def _plane(array: object) -> Plane:
    return np.asarray(array, np.float32)
