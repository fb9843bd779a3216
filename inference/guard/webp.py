"""WebP (RFC 9649): what its chunks say, and the same picture as a file of nothing but its bitstream.

A decoder gets the one VP8 or VP8L chunk: no animation, no alpha plane, no colour profile.
"""

from collections.abc import Iterator
from typing import NamedTuple

from inference.errors import UndecodableImage
from inference.guard.exif import AS_STORED, orientation
from inference.guard.limits import Limits, OverLimit, check_size

_VP8_START = b"\x9d\x01\x2a"
_VP8L_START = 0x2F
_ANIMATED = 0x02
_EXIF = b"Exif\0\0"


class _Chunk(NamedTuple):
    kind: bytes
    body: slice


def is_webp(data: bytes) -> bool:
    """Whether it begins as one."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_webp(data: bytes, limits: Limits) -> tuple[int, int, int]:
    """(width, height, orientation) of a WebP of one picture. Raises UndecodableImage, OverLimit."""
    canvas, size, turned = None, None, AS_STORED
    for chunk in _chunks(data, limits):
        body = memoryview(data)[chunk.body]
        if chunk.kind in (b"ANIM", b"ANMF") or (chunk.kind == b"VP8X" and body and body[0] & _ANIMATED):
            raise UndecodableImage("an animated WebP; one picture is read")
        if chunk.kind == b"VP8X":
            canvas = _canvas(body)
        elif chunk.kind in (b"VP8 ", b"VP8L"):
            if size is not None:
                raise UndecodableImage("a WebP with two pictures")
            size = _lossy(body) if chunk.kind == b"VP8 " else _lossless(body)
        elif chunk.kind == b"EXIF":
            turned = orientation(bytes(body).removeprefix(_EXIF))
    if size is None:
        raise UndecodableImage("a WebP without a picture")
    if canvas not in (None, size):
        raise UndecodableImage("a WebP whose picture is not of its canvas' size")
    check_size(*size, limits)
    return *size, turned


def bare_webp(data: bytes, limits: Limits) -> bytes:
    """A WebP of the bitstream alone; alpha in a plane of its own goes. `data` has passed `read_webp`."""
    kind, body = next(chunk for chunk in _chunks(data, limits) if chunk.kind in (b"VP8 ", b"VP8L"))
    stream = data[body]
    padded = stream + b"\0" * (len(stream) % 2)
    content = b"WEBP" + kind + len(stream).to_bytes(4, "little") + padded
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def _canvas(body: memoryview) -> tuple[int, int]:
    if len(body) < 10:
        raise UndecodableImage("a WebP with a damaged header")
    return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")


def _lossy(body: memoryview) -> tuple[int, int]:
    """(width, height) of a VP8 keyframe (RFC 6386, section 9.1)."""
    if len(body) < 10 or body[0] & 1 or body[3:6] != _VP8_START:
        raise UndecodableImage("a WebP with a damaged header")
    if int.from_bytes(body[:3], "little") >> 5 > len(body) - 10:
        raise UndecodableImage("a WebP that is cut off")
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def _lossless(body: memoryview) -> tuple[int, int]:
    if len(body) < 5 or body[0] != _VP8L_START or body[4] >> 5:
        raise UndecodableImage("a WebP with a damaged header")
    bits = int.from_bytes(body[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def _chunks(data: bytes, limits: Limits) -> Iterator[_Chunk]:
    """All that the RIFF header covers. Raises UndecodableImage where the file is shorter than it says."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise UndecodableImage("a WebP that is cut off")
    at = 12
    for _ in range(limits.chunks):
        if at + 8 > end:
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > end:
            raise UndecodableImage("a WebP with a damaged or cut off chunk")
        yield _Chunk(data[at : at + 4], slice(at + 8, at + 8 + size))
        at += 8 + size + size % 2
    raise OverLimit("chunks", limits.chunks + 1, limits.chunks)
