"""The orientation in Exif data (Exif 3.0, section 4.6.5): the one tag that changes what a viewer shows."""

from typing import Literal

_Order = Literal["little", "big"]

_ORIENTATION = 0x0112
_SHORT = 3
_TAGS = 256
"""Of one directory, that are looked at; cameras write about fifteen."""

AS_STORED = 1


def orientation(tiff: bytes) -> int:
    """1 to 8 of a TIFF structure as Exif uses it. Data that make no sense are 1: the picture as it is stored."""
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(tiff[:4])
    if order == "little":
        return _search(tiff, "little")
    return _search(tiff, "big") if order else AS_STORED


def _search(tiff: bytes, order: _Order) -> int:
    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    directory = number(4, 4)
    for index in range(min(number(directory, 2), _TAGS)):
        entry = directory + 2 + 12 * index
        if number(entry, 2) == _ORIENTATION and number(entry + 2, 2) == _SHORT:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else AS_STORED
    return AS_STORED
