"""What can be measured of one picture without knowing what it shows: exposure, sharpness and a hash."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

_TO_LUMA = {"BGR": cv2.COLOR_BGR2GRAY, "RGB": cv2.COLOR_RGB2GRAY}


@dataclass(frozen=True, slots=True)
class Measures:
    """Of a picture at the size at which the model gets it."""

    luminance: float
    """Mean luma (BT.601), 0 to 255."""
    sharpness: float
    """Variance of the Laplacian at half the size. It depends on the scene: compare it within a camera."""
    hash: int
    """64 bits; similar pictures differ in few of them."""


def measure(picture: NDArray[np.uint8], colour: Literal["BGR", "RGB"] = "BGR") -> Measures:
    """Of uint8 [height, width, 3], which need not be contiguous: the inside of a slot, without its border.

    Sharpness after Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000; at half the size,
    where it tells blur of 1 to 5 pixels apart, coding noise counts less, and it costs a quarter.
    """
    luma = np.asarray(cv2.cvtColor(picture, _TO_LUMA[colour]), np.uint8)
    half = _halved(luma)
    edges = cv2.Laplacian(half, cv2.CV_16S, ksize=1)
    variance = cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - cv2.mean(edges)[0] ** 2
    return Measures(float(cv2.mean(luma)[0]), max(0.0, variance), difference_hash(_halved(half)))


def difference_hash(luma: NDArray[np.uint8]) -> int:
    """dHash of uint8 [height, width]: whether each cell of an 8x8 grid is darker than the next to its right.

    Neal Krawetz, Kind of Like That, 2013 (hackerfactor.com/blog/archives/529-Kind-of-Like-That.html). Top left is the
    highest bit.
    """
    cells = np.asarray(cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA), np.uint8)
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes())


def distance(one: int, other: int) -> int:
    """In how many of the 64 bits two hashes differ."""
    return (one ^ other).bit_count()


def _halved(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """By means of 2x2 pixels; an odd last row or column is left out. OpenCV is 15 times faster at whole factors."""
    height, width = luma.shape[0] // 2, luma.shape[1] // 2
    if not (height and width):
        return luma
    even = luma[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
