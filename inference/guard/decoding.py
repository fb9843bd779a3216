"""Bytes of a stranger to pixels: JPEG through simplejpeg (libjpeg-turbo), PNG and WebP through OpenCV.

What comes out is always uint8 [height, width, 3], BGR unless RGB is asked for. Grey becomes three equal channels, a
palette its colours, CMYK what libjpeg makes of it (no colour profile is applied), 16 bits their upper 8. Alpha is left
out: what is under transparent pixels is what the model sees. `benchmarks/fuzz_decoders.py` looks for crashes and leaks
behind this door.
OpenCV is told to be silent: a stranger's bytes must not fill the log.
"""

from typing import Literal

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from inference.errors import UndecodableImage
from inference.guard.header import Header, examine
from inference.guard.limits import USUAL, Limits
from inference.guard.png import bare_png
from inference.guard.webp import bare_webp

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_FLAGS = {
    "BGR": cv2.IMREAD_COLOR_BGR | cv2.IMREAD_IGNORE_ORIENTATION,
    "RGB": cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
}
_NAMES = {"png": "PNG", "webp": "WebP"}
_TURNS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
"""Of a picture that is not mirrored, by Exif orientation. 2, 4, 5 and 7 are 1, 3, 6 and 8 after a mirror."""
_MIRRORED = {2: 1, 4: 3, 5: 8, 7: 6}


def decode(
    data: bytes,
    limits: Limits = USUAL,
    *,
    upright: bool = True,
    cover: tuple[int, int] = (0, 0),
    colour: Literal["BGR", "RGB"] = "BGR",
) -> NDArray[np.uint8]:
    """The pixels of a JPEG, PNG or WebP: uint8 [height, width, 3], C-contiguous.

    `upright` turns them as Exif says, which is what a viewer shows; frames of cameras are not turned (theirs are stored
    as they are shown). With `cover` (width, height, before turning) they may come out scaled down by two or more, never
    below that: averaged, where a resize by single pixels would lose what is small. Raises OverLimit and
    UndecodableImage, before decoding wherever the header tells.
    """
    header = examine(data, limits)
    if header.format == "jpeg":
        picture = _jpeg(data, cover, colour)
    else:
        picture = _reduced(_other(data, header, limits, _FLAGS[colour]), cover)
    return turned(picture, header.orientation) if upright else picture


def turned(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A stored picture as a viewer shows it, by its Exif orientation (1 to 8)."""
    if orientation in _MIRRORED:
        picture, orientation = np.asarray(cv2.flip(picture, 1), np.uint8), _MIRRORED[orientation]
    turn = _TURNS.get(orientation)
    return picture if turn is None else np.asarray(cv2.rotate(picture, turn), np.uint8)


def _jpeg(data: bytes, cover: tuple[int, int], colour: str) -> NDArray[np.uint8]:
    width, height = cover
    try:
        picture: NDArray[np.uint8] = (
            simplejpeg.decode_jpeg(data, colour, min_width=width, min_height=height, min_factor=2, strict=True)
            if width and height
            else simplejpeg.decode_jpeg(data, colour, strict=True)
        )
    except ValueError as error:
        raise UndecodableImage(f"damaged: {error}") from error
    return picture


def _other(data: bytes, header: Header, limits: Limits, flags: int) -> NDArray[np.uint8]:
    bare = bare_png(data, limits) if header.format == "png" else bare_webp(data, limits)
    try:
        picture = cv2.imdecode(np.frombuffer(bare, np.uint8), flags)
    except cv2.error as error:
        raise UndecodableImage(f"damaged: {error.err}") from error
    if picture is None or picture.shape != (header.height, header.width, 3):
        raise UndecodableImage(f"a damaged {_NAMES[header.format]}")
    return np.asarray(picture, np.uint8)


def _reduced(picture: NDArray[np.uint8], cover: tuple[int, int]) -> NDArray[np.uint8]:
    """By the largest whole factor that leaves it no smaller than `cover`."""
    height, width, _ = picture.shape
    factor = min(width // cover[0], height // cover[1]) if cover[0] and cover[1] else 1
    if factor < 2:
        return picture
    size = (width // factor, height // factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
