"""Polygons of a picture that nobody downstream may see: black in the planes, before there is a JPEG."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from gateway.pictures.geometry import Plane

Polygon = Sequence[tuple[float, float]]
"""Corners (x, y) in 0–1 of the displayed picture, origin top left."""

_FRACTION_BITS = 4
_NEUTRAL = 128


class PrivacyMask:
    """Blackens polygons of Y, Cb and Cr planes (4:2:0, full range).

    It works in chroma cells of 2 x 2 pixels and rounds outward: each pixel into which scaling, chroma subsampling or a
    matrix conversion mixed a source pixel that a polygon touches is black. What crosses itself is hidden whole.

    Raises:
        ValueError: a polygon has less than 3 corners.
    """

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        if any(len(polygon) < 3 for polygon in polygons):
            raise ValueError("a privacy polygon needs at least 3 corners")
        self._polygons = [np.array(polygon, np.float64) for polygon in polygons]
        self._masks: tuple[tuple[int, int, int], Plane, Plane] | None = None

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def blacken(self, planes: Sequence[Plane], scale: float, converted: bool) -> None:
        """Write black into `planes` (Y, Cb, Cr), which must be the caller's own.

        `scale` is pixels of the picture a pixel of the source, at most 1; `converted` says that chroma was mixed into
        luma after scaling.
        """
        reach = math.ceil(2 * scale) + converted
        luma, chroma = self._covered(planes[0].shape[0], planes[0].shape[1], reach)
        planes[0][luma] = 0
        for plane in planes[1:]:
            plane[chroma] = _NEUTRAL

    def _covered(self, height: int, width: int, reach: int) -> tuple[Plane, Plane]:
        """Masks of luma and chroma; kept, since a stream's geometry seldom changes."""
        key = (height, width, reach)
        if self._masks is None or self._masks[0] != key:
            cells = self._cells(height, width, reach)
            pixels = cells.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
            self._masks = (key, pixels, cells)
        return self._masks[1], self._masks[2]

    def _cells(self, height: int, width: int, reach: int) -> Plane:
        """Chroma cells within `reach` cells of one that a polygon touches, as booleans."""
        rows, columns = (height + 1) // 2, (width + 1) // 2
        touched = np.zeros((rows * 2, columns * 2), np.uint8)
        for polygon in self._polygons:
            touched |= _touched(polygon * (width, height), touched.shape)
        cells = touched.reshape(rows, 2, columns, 2).max(axis=(1, 3))
        return _grown(cells, reach).astype(np.bool_)


def _touched(corners: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", shape: tuple[int, ...]) -> Plane:
    """Pixels (of `shape`) that a polygon of `corners` in pixels touches, and perhaps some next to them; 0 or 1.

    cv2 draws a pixel's centre at whole coordinates and an edge within half a pixel of its line, so that growing by one
    pixel covers all that is touched. It fills by the even-odd rule; taking the outer contours closes the holes which
    that leaves where a polygon overlaps itself.
    """
    mask = np.zeros(shape, np.uint8)
    fixed = np.round((corners - 0.5) * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 1, shift=_FRACTION_BITS)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    return _grown(mask, 1)


def _grown(mask: Plane, by: int) -> Plane:
    return np.asarray(cv2.dilate(mask, np.ones((2 * by + 1, 2 * by + 1), np.uint8)), np.uint8)
