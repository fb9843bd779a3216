"""The small picture that the gate looks at."""

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE = 320


def small_luma(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A luma plane (H, W) with its longer side brought to 320 by averaging areas; smaller ones stay as they are.

    1920x1080 and 1280x720 give (180, 320). The plane may be a view with padded rows; it is not kept.
    """
    height, width = luma.shape
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return luma.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
