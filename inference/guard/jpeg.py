"""JPEG (ITU-T T.81, annex B) as far as its first scan: size, coding and orientation, without a decoder."""

from typing import NamedTuple

from inference.errors import UndecodableImage
from inference.guard.exif import AS_STORED, orientation
from inference.guard.limits import Limits, OverLimit, check_size

JPEG_SIGNATURE = b"\xff\xd8\xff"

_SOS = 0xDA
_APP1 = 0xE1
_TAKEN = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended sequential and progressive, Huffman coded."""
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
_EXIF = b"Exif\0\0"


class _Frame(NamedTuple):
    """A frame header."""

    width: int
    height: int
    components: int
    progressive: bool


def read_jpeg(data: bytes, limits: Limits) -> tuple[int, int, int]:
    """(width, height, orientation) of a JPEG.

    Raises UndecodableImage for what no camera, phone or browser writes (arithmetic or lossless coding, 12 bits), and
    OverLimit.
    """
    frame, turned = None, AS_STORED
    at = 2
    for _ in range(limits.chunks):
        marker, start, end = _segment(data, at)
        if marker == _SOS and end > start:
            break
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            if frame is not None:
                raise UndecodableImage("a JPEG with two frames")
            frame = _frame(marker, data[start:end])
        elif marker == _APP1 and data.startswith(_EXIF, start):
            turned = orientation(data[start + len(_EXIF) : end])
        at = end
    else:
        raise OverLimit("chunks", limits.chunks + 1, limits.chunks, "what is before the first scan")
    if frame is None:
        raise UndecodableImage("a JPEG whose size comes after its first scan, or never")
    check_size(frame.width, frame.height, limits)
    if frame.progressive or data[start] < frame.components:
        _check_scans(data, at, limits)
    return frame.width, frame.height, turned


def _check_scans(data: bytes, at: int, limits: Limits) -> None:
    """Only where libjpeg reads more than the first (`has_multiple_scans` in jdinput.c): a search of the whole file."""
    scans = data.count(b"\xff\xda", at)
    if scans > limits.scans:
        raise OverLimit("scans", scans, limits.scans)


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """(marker, start and end of its payload) of the segment whose 0xFF is at `at`."""
    if at + 4 > len(data):
        raise UndecodableImage("a JPEG that is cut off before its first scan")
    marker = data[at + 1]
    if data[at] != 0xFF or marker < 0xC0 or 0xD0 <= marker <= 0xD9:
        raise UndecodableImage("a JPEG with a damaged header")
    if marker == 0xFF:
        return marker, at + 1, at + 1
    length = int.from_bytes(data[at + 2 : at + 4])
    if length < 2 or at + 2 + length > len(data):
        raise UndecodableImage("a JPEG with a damaged or cut off header")
    return marker, at + 4, at + 2 + length


def _frame(marker: int, payload: bytes) -> _Frame:
    if marker not in _TAKEN:
        raise UndecodableImage(f"a JPEG with lossless, hierarchical or arithmetic coding (SOF{marker - 0xC0})")
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise UndecodableImage("a JPEG with a damaged frame header")
    if payload[0] != 8:
        raise UndecodableImage(f"a JPEG of {payload[0]} bits a sample; 8 are read")
    if payload[5] not in (1, 3, 4):
        raise UndecodableImage(f"a JPEG of {payload[5]} components; 1, 3 and 4 are read")
    return _Frame(int.from_bytes(payload[3:5]), int.from_bytes(payload[1:3]), payload[5], marker == 0xC2)
