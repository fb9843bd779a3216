"""Pictures of the three formats, honest and hostile, as bytes."""

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

Image = NDArray[np.uint8]
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def scene(width: int, height: int, seed: int = 0) -> Image:
    """Smooth colours, which lossy coding keeps."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def jpeg(picture: Image, progressive: bool = False) -> bytes:
    if progressive:
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 92])[
            1
        ].tobytes()
    data: bytes = simplejpeg.encode_jpeg(picture, 92, "BGR", "444")
    return data


def webp(picture: Image, lossless: bool = True) -> bytes:
    return cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 101 if lossless else 90])[1].tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(
    width: int,
    height: int,
    rows: bytes,
    depth: int = 8,
    colour: int = 2,
    interlace: int = 0,
    before: Sequence[bytes] = (),
) -> bytes:
    """A PNG of scan lines as they stand; `before` are chunks between its header and its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = (chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png(picture: Image, interlaced: bool = False) -> bytes:
    height, width, _ = picture.shape
    rgb = picture[..., ::-1]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [rgb[top::down, left::across] for left, top, across, down in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    return png_of(width, height, rows, interlace=int(interlaced))


def exif(orientation: int) -> bytes:
    """A TIFF structure with this one tag."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def with_exif(data: bytes, orientation: int) -> bytes:
    """A picture of any of the three formats, with an orientation."""
    tiff = exif(orientation)
    if data.startswith(b"\xff\xd8"):
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + data[2:]
    if data.startswith(b"\x89PNG"):
        return data[:33] + chunk(b"eXIf", tiff) + data[33:]
    size = extended(data)
    return riff(
        b"VP8X"
        + struct.pack("<I", 10)
        + b"\x08\0\0\0"
        + size
        + data[12:]
        + b"EXIF"
        + struct.pack("<I", len(tiff))
        + tiff
    )


def extended(data: bytes) -> bytes:
    """The canvas of a lossless WebP as VP8X has it."""
    bits = int.from_bytes(data[21:25], "little")
    return (bits & 0x3FFF).to_bytes(3, "little") + (bits >> 14 & 0x3FFF).to_bytes(3, "little")


def riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
