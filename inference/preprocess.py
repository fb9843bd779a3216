"""JPEG bytes to a slot of the batch, and boxes back to the picture: pure, and the one wrapper round simplejpeg.

The card says how a picture becomes the input; always bilinear, enlarged if it is smaller:

- `letterbox`: scaled with its aspect kept until it just fits, on a border of the pad value. With a free size, where the
  published input is square, ours ends at the next multiple of the stride: fewer pixels to infer. `centre` is what
  NanoDet's and YOLOv5's published validation do, `top-left` YOLOX's.
- `stretch`: scaled to the input, whatever becomes of its aspect.
- `crop`: scaled with its aspect kept until it just covers the input, its middle taken.

Rotation in EXIF is not applied: cameras rotate pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from inference.errors import UndecodableImage
from inference.guard.jpeg import JPEG_SIGNATURE, read_jpeg
from inference.guard.limits import MAX_PIXELS, USUAL, Limits
from inference.repository.card import Colour, ImageInput


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the model's input; pixels of the input."""

    input_width: int
    input_height: int
    left: int
    """Below 0 where the picture is cut off."""
    top: int
    width: int
    """Of the whole scaled picture."""
    height: int


def place(width: int, height: int, spec: ImageInput) -> Placement:
    """The placement of a picture of this size (pixels, at least 1)."""
    if spec.size is not None:
        scale = spec.size / max(width, height)
        scaled_width, scaled_height = _scaled(width, height, scale)
        input_width = -(-scaled_width // spec.multiple) * spec.multiple
        input_height = -(-scaled_height // spec.multiple) * spec.multiple
    else:
        input_height, input_width = spec.smallest
        if spec.fit == "stretch":
            return Placement(input_width, input_height, 0, 0, input_width, input_height)
        closest = max if spec.fit == "crop" else min
        scale = closest(input_width / width, input_height / height)
        scaled_width, scaled_height = _scaled(width, height, scale)
    if spec.anchor == "top-left" and spec.fit == "letterbox":
        return Placement(input_width, input_height, 0, 0, scaled_width, scaled_height)
    left = (input_width - scaled_width) // 2
    top = (input_height - scaled_height) // 2
    return Placement(input_width, input_height, left, top, scaled_width, scaled_height)


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))


def jpeg_size(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(width, height) from the header, in microseconds.

    Raises UndecodableImage for what is no JPEG, or one of a kind that cameras don't make, and for what would take too
    long to decode: more than `max_pixels`, or more scans than an honest encoder writes.
    """
    if not data.startswith(JPEG_SIGNATURE):
        raise UndecodableImage("not a JPEG")
    width, height, _ = read_jpeg(data, USUAL if max_pixels == USUAL.pixels else Limits(pixels=max_pixels))
    return width, height


def fill(slot: NDArray[np.uint8], jpeg: bytes, placement: Placement, pad: int = 0, colour: Colour = "BGR") -> None:
    """Decode a JPEG, whose size has been checked by `jpeg_size`, into a slot [input height, input width, 3].

    Every pixel of the slot is written unless it raises. Grayscale and CMYK come out in colour. Raises UndecodableImage
    for damaged and cut-off data, ValueError for a slot of another shape.
    """
    _require_shape(slot, placement)
    put(slot, _decode(jpeg, placement.width, placement.height, colour), placement, pad)


def put(slot: NDArray[np.uint8], picture: NDArray[np.uint8], placement: Placement, pad: int = 0) -> None:
    """A decoded picture [h, w, 3], of the size that was placed or another scale of it, into a slot, as `fill` does.

    The channels stay in their order. Raises ValueError for a slot of another shape.
    """
    _require_shape(slot, placement)
    if placement.left < 0 or placement.top < 0:
        cv2.resize(_window(picture, placement), slot.shape[1::-1], dst=slot, interpolation=cv2.INTER_LINEAR)
        return
    right, bottom = placement.left + placement.width, placement.top + placement.height
    inside = slot[placement.top : bottom, placement.left : right]
    cv2.resize(picture, (placement.width, placement.height), dst=inside, interpolation=cv2.INTER_LINEAR)
    slot[: placement.top] = pad
    slot[bottom:] = pad
    slot[placement.top : bottom, : placement.left] = pad
    slot[placement.top : bottom, right:] = pad


def to_normalised(boxes: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Boxes [k, 4] as x1, y1, x2, y2 in input pixels to x, y, width, height of the picture, 0 to 1, clipped to it.

    A box whose corners are the wrong way round has no size."""
    origin = np.array([placement.left, placement.top] * 2, np.float32)
    size = np.array([placement.width, placement.height] * 2, np.float32)
    corners = ((boxes - origin) / size).clip(0, 1)
    return np.concatenate([corners[:, :2], (corners[:, 2:] - corners[:, :2]).clip(0)], axis=1)


def points_to_normalised(points: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Landmarks [k, n * 2] as x, y, x, y, … in input pixels to the same of the picture, 0 to 1 inside it.

    They are not clipped: the ear of a face at the border lies beyond it."""
    origin = np.array([placement.left, placement.top], np.float32)
    size = np.array([placement.width, placement.height], np.float32)
    pairs = points.reshape(len(points), points.shape[1] // 2, 2)
    normalised: NDArray[np.float32] = ((pairs - origin) / size).reshape(points.shape)
    return normalised


def _require_shape(slot: NDArray[np.uint8], placement: Placement) -> None:
    if slot.shape != (placement.input_height, placement.input_width, 3) or slot.dtype != np.uint8:
        expected = f"uint8 [{placement.input_height}, {placement.input_width}, 3]"
        raise ValueError(f"the slot is {slot.dtype} {list(slot.shape)}, its placement {expected}")


def _window(picture: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """What of a picture the input shows, to a pixel of the picture: scaling all of it first could take gigabytes."""

    def ends(length: int, scaled: int, start: int, shown: int) -> tuple[int, int]:
        first = min(round(-start * length / scaled), length - 1)
        return first, max(first + 1, round((shown - start) * length / scaled))

    top, bottom = ends(picture.shape[0], placement.height, placement.top, placement.input_height)
    left, right = ends(picture.shape[1], placement.width, placement.left, placement.input_width)
    return picture[top:bottom, left:right]


def _decode(jpeg: bytes, width: int, height: int, colour: Colour) -> NDArray[np.uint8]:
    """[h, w, 3], at a half, a quarter, … if that still covers width x height: less than 2:1 is left to scale.

    The scales in between (3/4, 5/8) are slower than decoding whole: 1.48 against 1.02 ms for a fill from 640x360. A
    buffer of one's own gains nothing: glibc gives the same warm memory back, without page faults.
    """
    try:
        picture: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            jpeg, colour, min_width=width, min_height=height, min_factor=2, strict=True
        )
    except ValueError as error:
        raise UndecodableImage(f"damaged: {error}") from error
    return picture
