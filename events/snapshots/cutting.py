"""Objects cut out of a JPEG: decoded once, however many there are. No ports; slow, so not in the event loop."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.config.snapshots_settings import Snapshots
from vedette.view import Box, View

logger = logging.getLogger(__name__)

_MOST_PIXELS = 50_000_000
_MEASURED_SIDE = 128
"""Sharpness is measured at this size, so that small and large portraits can be compared."""
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


class BadPicture(Exception):
    """It is no JPEG that can be decoded."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A JPEG of its own."""

    jpeg: bytes
    sha256: str
    width: int
    height: int
    sharpness: float = 0.0
    """Variance of the Laplacian of the object's box, at most 128 pixels wide and high."""


def whole(jpeg: bytes) -> Cut:
    """The picture as it is. Raises BadPicture."""
    width, height = size_of(jpeg)
    return Cut(jpeg, _sha256(jpeg), width, height)


def cut_out(jpeg: bytes, view: View, boxes: Sequence[Box], settings: Snapshots) -> list[Cut | None]:
    """Each box with its margin; None: the picture doesn't show it, or it can't be cut out. Boxes are of what the
    picture shows `view` of.

    Raises BadPicture.
    """
    size_of(jpeg)
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise BadPicture("can't be decoded") from error
    if picture is None:
        raise BadPicture("can't be decoded")
    return [_cut_or_none(np.asarray(picture, np.uint8), _in_view(box, view), settings) for box in boxes]


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height, as its header says (ITU-T T.81, B.2.2), without decoding it.

    Raises:
        BadPicture: it has no such header, or says that it is over 50 million pixels.
    """
    at = 2
    while jpeg[:2] == b"\xff\xd8" and at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker in _START_OF_FRAME:
            height, width = int.from_bytes(jpeg[at + 5 : at + 7]), int.from_bytes(jpeg[at + 7 : at + 9])
            if not 0 < width * height <= _MOST_PIXELS:
                raise BadPicture(f"is of {width}x{height} pixels")
            return width, height
        fill = marker == 0xFF
        at += 1 if fill else 2 if marker in _WITHOUT_LENGTH else 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    raise BadPicture("is no JPEG")


def _cut_or_none(picture: NDArray[np.uint8], box: Box, settings: Snapshots) -> Cut | None:
    """One that can't be cut out doesn't cost the others."""
    try:
        return _cut(picture, box, settings)
    except (cv2.error, ValueError, OverflowError, BadPicture) as error:
        logger.warning("an object can't be cut out: %s", error)
        return None


def _cut(picture: NDArray[np.uint8], box: Box, settings: Snapshots) -> Cut | None:
    height, width = picture.shape[:2]
    margin = settings.margin * max(box[2] * width, box[3] * height)
    inner, outer = _pixels(box, width, height, 0.0), _pixels(box, width, height, margin)
    if inner is None or outer is None:
        return None
    object_alone, found = _within(picture, inner), _shrunk(_within(picture, outer), settings.max_side)
    done, data = cv2.imencode(".jpg", found, [cv2.IMWRITE_JPEG_QUALITY, settings.quality])
    if not done:
        raise BadPicture("what was cut out can't be encoded")
    jpeg = data.tobytes()
    return Cut(jpeg, _sha256(jpeg), found.shape[1], found.shape[0], _sharpness(object_alone))


def _sharpness(picture: NDArray[np.uint8]) -> float:
    luma = cv2.cvtColor(_shrunk(picture, _MEASURED_SIDE), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(luma, cv2.CV_16S, ksize=1).var())


def _shrunk(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = side / max(width, height)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _within(picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]


def _pixels(box: Box, width: int, height: int, margin: float) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom within the picture; None: nothing of it is."""
    x, y, w, h = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    left, right = max(0, int(x - margin)), min(width, round(x + w + margin + 0.5))
    top, bottom = max(0, int(y - margin)), min(height, round(y + h + margin + 0.5))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _in_view(box: Box, view: View) -> Box:
    """A box of the main picture in the one that shows `view` of it."""
    (x, y), (right, bottom) = view.in_substream(((box[0], box[1]), (box[0] + box[2], box[1] + box[3])))
    return x, y, right - x, bottom - y


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
