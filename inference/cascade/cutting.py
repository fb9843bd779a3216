"""A picture and what was found in it to the crops that further models want. Pure."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from inference.errors import UndecodableImage
from inference.guard.decoding import decode
from inference.identities.alignment import Unalignable, aligned
from inference.picture_answer import Found
from inference.repository.card import ImageInput
from inference.repository.crop import Crop

logger = logging.getLogger(__name__)

QUALITY = 95
"""Of a crop's JPEG, its colours at full resolution: it has been through a frame's JPEG already."""

Box = tuple[float, float, float, float]
"""x, y, width, height in fractions of the picture."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """One crop to be cut."""

    crop: Crop
    found: Found
    input: ImageInput
    """Of the model: a crop is never made larger than it takes it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A crop."""

    jpeg: bytes
    box: Box
    """Which part of the picture it shows; it may reach beyond it. Of an aligned face, that of the face."""


def cut_all(jpeg: bytes, wanted: Sequence[Cutting]) -> list[Cut | None]:
    """The crops of a frame; None where one can't be cut: no landmarks, a box without an area, or one that OpenCV or
    JPEG have no room for (32767 and 65500 pixels a side).

    Raises UndecodableImage.
    """
    picture = decode(jpeg, upright=False)
    return [_cut_or_none(picture, one) for one in wanted]


def _cut_or_none(picture: NDArray[np.uint8], wanted: Cutting) -> Cut | None:
    """One that can't be cut doesn't cost the others."""
    try:
        return cut(picture, wanted)
    except (cv2.error, ValueError, OverflowError) as error:
        logger.warning("a crop of %s can't be cut: %s", wanted.found.bbox, error)
        return None


def cut(picture: NDArray[np.uint8], wanted: Cutting) -> Cut | None:
    """One crop of a picture [h, w, 3], BGR."""
    if wanted.crop.align is not None:
        return _face(picture, wanted.found)
    height, width = picture.shape[:2]
    x, y, box_width, box_height = wanted.found.bbox
    factor = wanted.crop.enlarge or 1.0
    across, down = round(box_width * factor * width), round(box_height * factor * height)
    if across < 1 or down < 1:
        return None
    left = round((x + box_width / 2) * width - across / 2)
    top = round((y + box_height / 2) * height - down / 2)
    region = _region(picture, (left, top, across, down), _scale(across, down, wanted.input))
    return Cut(_encoded(region), (left / width, top / height, across / width, down / height))


def _face(picture: NDArray[np.uint8], found: Found) -> Cut | None:
    size = np.array(picture.shape[1::-1], np.float32)
    try:
        return Cut(_encoded(aligned(picture, np.array(found.landmarks, np.float32).reshape(-1, 2) * size)), found.bbox)
    except (Unalignable, ValueError):
        return None


def _scale(across: int, down: int, spec: ImageInput) -> float:
    """At most 1: the crop just covers the model's input, as whatever is more would be scaled away there."""
    if spec.size is not None:
        return min(1.0, spec.size / max(across, down))
    height, width = spec.smallest
    return min(1.0, max(width / across, height / down))


def _region(picture: NDArray[np.uint8], region: tuple[int, int, int, int], scale: float) -> NDArray[np.uint8]:
    """Scaled, bilinear; beyond the picture its border pixels are repeated.

    Only what is seen is looked at: a region of ten times a whole picture costs no more than its crop.
    """
    left, top, across, down = region
    size = max(1, round(across * scale)), max(1, round(down * scale))
    height, width = picture.shape[:2]
    if size == (across, down) and left >= 0 and top >= 0 and left + across <= width and top + down <= height:
        return picture[top : top + down, left : left + across]
    step_x, step_y = across / size[0], down / size[1]
    back = np.array([[step_x, 0, left + (step_x - 1) / 2], [0, step_y, top + (step_y - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.uint8, copy=False)


def _encoded(crop: NDArray[np.uint8]) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(crop), quality=QUALITY, colorspace="BGR", colorsubsampling="444"
    )
    return data


__all__ = ["Box", "Cut", "Cutting", "UndecodableImage", "cut", "cut_all"]
