"""PNG (W3C, third edition): what its chunks say, and the same picture written anew so that it can do no harm.

A decoder gets IHDR, PLTE and IDAT alone, and in IDAT exactly the bytes that the picture has, unpacked here under that
bound: otherwise 32 MB of IDAT keep libpng busy with 34 GB of surplus, whatever the size in the header. Compressed text
and colour profiles can't be unpacked, nor a second frame be read, by code that never sees them: a broken animated PNG
has crashed OpenCV (github.com/opencv/opencv, issue 27744).
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from inference.errors import UndecodableImage
from inference.guard.exif import AS_STORED, orientation
from inference.guard.limits import Limits, OverLimit, check_size

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type: grey, RGB, palette, grey with alpha, RGB with alpha."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE = 3
_LAST_FILTER = 4
_DEFLATE_RATIO = 1032
"""Deflate makes no more bytes of one (zlib.net/zlib_tech.html)."""
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass: the first column and row, and the steps from one to the next."""


class _Picture(NamedTuple):
    """An IHDR chunk."""

    width: int
    height: int
    bits: int
    """A pixel."""
    colour: int
    interlaced: bool

    def rows(self) -> list[tuple[int, int]]:
        """(number, bytes) of the rows of each pass; the first byte of a row says how it is filtered."""
        found = []
        for left, top, across, down in _ADAM7 if self.interlaced else _WHOLE:
            columns, rows = -(-(self.width - left) // across), -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                found.append((rows, 1 + (columns * self.bits + 7) // 8))
        return found

    @property
    def unpacked_bytes(self) -> int:
        return sum(rows * size for rows, size in self.rows())


class _Chunk(NamedTuple):
    kind: bytes
    body: slice

    @property
    def size(self) -> int:
        return int(self.body.stop - self.body.start)


def read_png(data: bytes, limits: Limits) -> tuple[int, int, int]:
    """(width, height, orientation) of a PNG of one picture. Raises UndecodableImage, OverLimit."""
    chunks = _chunks(data, limits)
    picture = _picture(data, next(chunks, None), limits)
    compressed, turned, ended = 0, AS_STORED, False
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            compressed += chunk.size
        elif chunk.kind == b"eXIf":
            turned = orientation(data[chunk.body])
        elif chunk.kind in (b"acTL", b"fcTL", b"fdAT"):
            raise UndecodableImage("an animated PNG; one picture is read")
        elif chunk.kind == b"IEND":
            ended = True
        elif chunk.kind[0] < ord("a") and chunk.kind != b"PLTE":
            raise UndecodableImage("a PNG with a chunk that must be understood and is not")
    if not ended:
        raise UndecodableImage("a PNG that is cut off")
    if picture.unpacked_bytes > compressed * _DEFLATE_RATIO:
        sizes = f"{compressed} bytes can't hold the {picture.unpacked_bytes}"
        raise UndecodableImage(f"{sizes} of a PNG of {picture.width}x{picture.height}")
    return picture.width, picture.height, turned


def bare_png(data: bytes, limits: Limits) -> bytes:
    """The picture anew, its pixels stored without compression; alpha in tRNS goes. `data` has passed `read_png`.

    Raises UndecodableImage where its compressed data are damaged, cut off, or more than the picture.
    """
    found: dict[bytes, bytes] = {}
    packed = []
    for chunk in _chunks(data, limits):
        if chunk.kind == b"IDAT":
            packed.append(data[chunk.body])
        elif chunk.kind in (b"IHDR", b"PLTE"):
            found.setdefault(chunk.kind, data[chunk.body])
    picture = _picture(data, next(_chunks(data, limits)), limits)
    if picture.colour != _PALETTE:
        found.pop(b"PLTE", None)
    elif not 3 <= len(found.get(b"PLTE", b"")) <= 768 or len(found[b"PLTE"]) % 3:
        raise UndecodableImage("a PNG with a damaged palette, or none")
    pixels = zlib.compress(_unpacked(picture, b"".join(packed)), level=0)
    written = [_written(kind, body) for kind, body in (*found.items(), (b"IDAT", pixels), (b"IEND", b""))]
    return b"".join((PNG_SIGNATURE, *written))


def _unpacked(picture: _Picture, packed: bytes) -> bytes:
    wanted = picture.unpacked_bytes
    inflating = zlib.decompressobj()
    try:
        pixels = inflating.decompress(packed, wanted + 1)
    except zlib.error as error:
        raise UndecodableImage("a PNG whose compressed data are damaged") from error
    if len(pixels) > wanted:
        raise UndecodableImage("a PNG with more data than pixels")
    if len(pixels) < wanted or not inflating.eof:
        raise UndecodableImage("a PNG with less data than pixels")
    at = 0
    for rows, size in picture.rows():
        if np.frombuffer(pixels, np.uint8, rows * size, at)[::size].max() > _LAST_FILTER:
            raise UndecodableImage("a PNG with a row of an unknown filter")
        at += rows * size
    return pixels


def _written(kind: bytes, body: bytes) -> bytes:
    return b"".join((len(body).to_bytes(4), kind, body, zlib.crc32(body, zlib.crc32(kind)).to_bytes(4)))


def _picture(data: bytes, first: _Chunk | None, limits: Limits) -> _Picture:
    if first is None or first.kind != b"IHDR" or first.size != 13:
        raise UndecodableImage("a PNG without a header")
    header = data[first.body]
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, colour, compression, filtering, interlace = header[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise UndecodableImage("a PNG with an impossible header")
    check_size(width, height, limits)
    if interlace and width * height > limits.interlaced_pixels:
        raise OverLimit("interlaced_pixels", width * height, limits.interlaced_pixels, f"{width}x{height}")
    picture = _Picture(width, height, depth * _CHANNELS[colour], colour, interlace == 1)
    if picture.unpacked_bytes > limits.unpacked_bytes:
        raise OverLimit("unpacked_bytes", picture.unpacked_bytes, limits.unpacked_bytes)
    return picture


def _chunks(data: bytes, limits: Limits) -> Iterator[_Chunk]:
    """All up to IEND that are whole; what follows it is no part of the picture."""
    at = len(PNG_SIGNATURE)
    for _ in range(limits.chunks):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if at + 12 + size > len(data):
            return
        yield _Chunk(kind, slice(at + 8, at + 8 + size))
        if kind == b"IEND":
            return
        at += 12 + size
    raise OverLimit("chunks", limits.chunks + 1, limits.chunks)
