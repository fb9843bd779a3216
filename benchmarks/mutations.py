"""Small pictures of three formats, and damage to them: the same for the same number, so that a crash can be met again.

Most of the damaged PNG and WebP files get checksums and lengths that fit again, and some PNG are damaged under their
compression: otherwise a decoder's first check would end nearly all of them.
"""

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_PNG = b"\x89PNG\r\n\x1a\n"
_TELLING = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xD8, 0xDA, 0xFE, 0xFF)
_EXIF = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)


def seeds() -> list[bytes]:
    """Honest pictures of many kinds, 48x32 and smaller."""
    coarse = np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8)
    colour: Image = np.asarray(cv2.resize(coarse, (48, 32), interpolation=cv2.INTER_CUBIC), np.uint8)
    noise = np.random.default_rng(2).integers(0, 256, (16, 16, 4), np.uint8)
    return [*_jpegs(colour), *_pngs(colour, noise), *_webps(colour, noise)]


def mutated(originals: Sequence[bytes], number: int, seed: int = 0) -> bytes:
    """The damaged picture of this number."""
    rng = np.random.default_rng((seed, number))
    original = originals[int(rng.integers(len(originals)))]
    if original.startswith(_PNG) and rng.random() < 0.3:
        return _damaged_inside(original, rng)
    data = bytearray(original)
    for _ in range(int(rng.integers(1, 4))):
        _damage(data, originals, rng)
    if rng.random() < 0.6:
        return _mended(bytes(data))
    return bytes(data)


def _jpegs(colour: Image) -> list[bytes]:
    cmyk = np.ascontiguousarray(np.dstack([colour, colour[..., :1]]))
    encode = cv2.imencode
    exif = b"\xff\xe1" + struct.pack(">H", len(_EXIF) + 8) + b"Exif\0\0" + _EXIF
    plain: bytes = simplejpeg.encode_jpeg(colour, 80, "BGR", "420")
    return [
        plain,
        plain[:2] + exif + plain[2:],
        simplejpeg.encode_jpeg(colour, 80, "BGR", "444"),
        simplejpeg.encode_jpeg(colour[..., :1].copy(), 80, "GRAY", "GRAY"),
        simplejpeg.encode_jpeg(cmyk, 80, "CMYK", "444"),
        encode(".jpg", colour, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
        encode(".jpg", colour, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes(),
    ]


def _pngs(colour: Image, noise: Image) -> list[bytes]:
    rows = {
        (8, 2, 0): 1 + 3 * 16,
        (16, 6, 0): 1 + 8 * 16,
        (8, 3, 0): 1 + 16,
        (1, 0, 0): 1 + 2,
        (8, 4, 0): 1 + 2 * 16,
    }
    made = []
    for (depth, kind, interlace), size in rows.items():
        lines = np.resize(noise.ravel(), (16, size)).copy()
        lines[:, 0] %= 5
        made.append(_png(depth, kind, interlace, lines.tobytes()))
    passes = ((2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))
    lines7 = b"".join(b"\1" + bytes(3 * width) for width, height in passes for _ in range(height))
    made.append(_png(8, 2, 1, lines7))
    return [*made, cv2.imencode(".png", colour)[1].tobytes(), cv2.imencode(".png", noise)[1].tobytes()]


def _webps(colour: Image, noise: Image) -> list[bytes]:
    return [
        cv2.imencode(ext, picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        for ext in (".webp",)
        for picture in (colour, noise)
        for quality in (10, 90, 101)
    ]


def _png(depth: int, kind: int, interlace: int, lines: bytes) -> bytes:
    palette = _chunk(b"PLTE", bytes(range(256)) * 3) if kind == 3 else b""
    header = struct.pack(">IIBBBBB", 16, 16, depth, kind, 0, 0, interlace)
    text = _chunk(b"zTXt", b"a\0\0" + zlib.compress(b"text"))
    pixels = _chunk(b"IDAT", zlib.compress(lines))
    return _PNG + _chunk(b"IHDR", header) + palette + text + _chunk(b"eXIf", _EXIF) + pixels + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _damage(data: bytearray, originals: Sequence[bytes], rng: np.random.Generator) -> None:
    """One change, in place; a quarter of them in the first 64 bytes."""
    if not data:
        return
    at = int(rng.integers(min(len(data), 64 if rng.random() < 0.25 else len(data))))
    size = int(rng.integers(1, 17))
    match int(rng.integers(8)):
        case 0:
            data[at] ^= 1 << int(rng.integers(8))
        case 1:
            data[at] = int(rng.choice(_TELLING))
        case 2:
            data[at : at + 4] = bytes(rng.choice(_TELLING, 4).tolist())
        case 3:
            del data[at : at + size]
        case 4:
            data[at:at] = data[at : at + size] * int(rng.integers(1, 9))
        case 5:
            data[at : at + size] = rng.bytes(size)
        case 6:
            other = originals[int(rng.integers(len(originals)))]
            data[at:] = other[at:]
        case _:
            if rng.random() < 0.3:
                del data[at:]
            else:
                data[-1 - at % len(data)] = int(rng.integers(256))


def _damaged_inside(png: bytes, rng: np.random.Generator) -> bytes:
    """A PNG whose scan lines are damaged, and whose compression and checksums are right."""
    before, _, rest = png.partition(b"IDAT")
    size = int.from_bytes(before[-4:])
    try:
        lines = bytearray(zlib.decompress(rest[:size]))
    except zlib.error:  # in several chunks
        return _mended(png)
    for _ in range(int(rng.integers(1, 5))):
        lines[int(rng.integers(len(lines)))] = int(rng.choice(_TELLING))
    if rng.random() < 0.3:
        del lines[int(rng.integers(len(lines))) :]
    return before[:-4] + _chunk(b"IDAT", zlib.compress(bytes(lines))) + _chunk(b"IEND", b"")


def _mended(data: bytes) -> bytes:
    """With checksums (PNG) or the outermost length (WebP) that fit."""
    if data.startswith(b"RIFF"):
        return data[:4] + struct.pack("<I", max(0, len(data) - 8)) + data[8:]
    if not data.startswith(_PNG):
        return data
    at, chunks = len(_PNG), [_PNG]
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append(_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return b"".join(chunks)
