"""What a picture's header says of it, whichever of the three formats it is. Pure, and microseconds."""

from dataclasses import dataclass
from typing import Literal

from inference.errors import UndecodableImage
from inference.guard.jpeg import JPEG_SIGNATURE, read_jpeg
from inference.guard.limits import USUAL, Limits, check_bytes
from inference.guard.png import PNG_SIGNATURE, read_png
from inference.guard.webp import is_webp, read_webp

Format = Literal["jpeg", "png", "webp"]


@dataclass(frozen=True, slots=True)
class Header:
    """Of a picture within the limits; pixels as they are stored."""

    format: Format
    width: int
    height: int
    orientation: int
    """Of Exif, 1 to 8: how a viewer turns what is stored. 1: not at all."""

    @property
    def displayed_size(self) -> tuple[int, int]:
        """(width, height) as a viewer shows it."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def examine(data: bytes, limits: Limits = USUAL) -> Header:
    """The header of a JPEG, PNG or WebP, checked against the limits before anything is decoded.

    Raises OverLimit, which says what and how much, and UndecodableImage for what is none of the three, is damaged or
    cut off as far as the header shows it, or is of a kind that is not read (animated, 12 bits, arithmetic coding).
    """
    check_bytes(data, limits)
    if data.startswith(JPEG_SIGNATURE):
        return Header("jpeg", *read_jpeg(data, limits))
    if data.startswith(PNG_SIGNATURE):
        return Header("png", *read_png(data, limits))
    if is_webp(data):
        return Header("webp", *read_webp(data, limits))
    raise UndecodableImage("neither JPEG, PNG nor WebP")
