"""Whole coded pictures into RTP payloads: JPEG (RFC 2435), VP8 (RFC 7741), VP9 (RFC 9628), AV1 (AOM's RTP payload).

Unlike those of H.264 and H.265 these pictures are not made of NAL units.
"""

import struct
from collections.abc import Callable, Iterator, Mapping

from gateway.simulator.bitstream import Codec

_SOF0, _DQT, _SOS, _DRI = 0xC0, 0xDB, 0xDA, 0xDD
_TEMPORAL_DELIMITER, _TILE_LIST, _PADDING = 2, 8, 15


def picture_payloads(codec: Codec, picture: bytes, keyframe: bool, max_bytes: int = 1400) -> list[bytes]:
    """The payloads of one picture, none longer than ``max_bytes``; raises ``ValueError`` when it is damaged."""
    return _BY_CODEC[codec.name](picture, keyframe, max_bytes)


def _cut(data: bytes, room: int) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + room]) for at in range(0, len(data), room)] or [(0, b"")]


def _vp8(picture: bytes, keyframe: bool, max_bytes: int) -> list[bytes]:
    """RFC 7741, 4.2: one byte, whose S bit marks the start of the partition."""
    return [bytes([0x10 if at == 0 else 0]) + piece for at, piece in _cut(picture, max_bytes - 1)]


def _vp9(picture: bytes, keyframe: bool, max_bytes: int) -> list[bytes]:
    """RFC 9628, 4.2: one byte with P (predicted), B (begins) and E (ends)."""
    pieces = _cut(picture, max_bytes - 1)
    last = pieces[-1][0]
    return [
        bytes([(0 if keyframe else 0x40) | (0x08 if at == 0 else 0) | (0x04 if at == last else 0)]) + piece
        for at, piece in pieces
    ]


def _av1(picture: bytes, keyframe: bool, max_bytes: int) -> list[bytes]:
    """AOM, "RTP Payload Format For AV1", 4.4: OBUs without delimiters and sizes, each in packets of its own (W = 1)."""
    payloads: list[bytes] = []
    for obu in _obus(picture):
        pieces = _cut(obu, max_bytes - 1)
        for at, piece in pieces:
            goes_on, continues = at != 0, at != pieces[-1][0]
            first = keyframe and not payloads
            header = (0x80 if goes_on else 0) | (0x40 if continues else 0) | 0x10 | (0x08 if first else 0)
            payloads.append(bytes([header]) + piece)
    return payloads


def _obus(unit: bytes) -> Iterator[bytes]:
    """The OBUs of a temporal unit, with their size fields taken off (AV1 specification, 5.3.2)."""
    at = 0
    while at < len(unit):
        start, head = at, unit[at]
        at += 2 if head & 0x04 else 1
        size = len(unit) - at
        if head & 0x02:
            size, at = _leb128(unit, at)
        if at + size > len(unit):
            raise ValueError("an OBU reaches beyond its temporal unit")
        if head >> 3 & 0x0F not in (_TEMPORAL_DELIMITER, _TILE_LIST, _PADDING):
            yield bytes([head & ~0x02]) + unit[start + 1 : start + (2 if head & 0x04 else 1)] + unit[at : at + size]
        at += size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        if at + index >= len(data):
            break
        value |= (data[at + index] & 0x7F) << 7 * index
        if not data[at + index] & 0x80:
            return value, at + index + 1
    raise ValueError("an OBU has no size")


def _jpeg(picture: bytes, keyframe: bool, max_bytes: int) -> list[bytes]:
    """RFC 2435, 3.1: of the headers only the quantisation tables go along; Huffman tables are the standard's."""
    kind, width, height, tables, scan = _jpeg_parts(picture)
    quantisation = struct.pack("!BBH", 0, 0, len(tables)) + tables
    payloads: list[bytes] = []
    at = 0
    while at < len(scan) or not payloads:
        extra = b"" if payloads else quantisation
        piece = scan[at : at + max_bytes - 8 - len(extra)]
        header = struct.pack("!II", at, kind << 24 | 255 << 16 | (width + 7) // 8 << 8 | (height + 7) // 8)
        payloads.append(header + extra + piece)
        at += len(piece)
    return payloads


def _jpeg_parts(picture: bytes) -> tuple[int, int, int, bytes, bytes]:
    """RFC 2435's type, width, height, the quantisation tables and the entropy-coded data."""
    kind = width = height = 0
    tables, at = b"", 2
    while at + 4 <= len(picture):
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        body = picture[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == _DQT:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        elif marker == _SOF0:
            height, width = struct.unpack("!HH", body[1:5])
            kind = 1 if body[7] == 0x22 else 0
        elif marker == _DRI and any(body):
            raise ValueError("a JPEG with restart markers")
        elif marker == _SOS:
            if not (tables and 0 < width <= 2040 and 0 < height <= 2040):
                break
            return kind, width, height, tables, picture[at:]
    raise ValueError("a JPEG that is not baseline, or too big for RTP")


_BY_CODEC: Mapping[str, Callable[[bytes, bool, int], list[bytes]]] = {
    "mjpeg": _jpeg,
    "vp8": _vp8,
    "vp9": _vp9,
    "av1": _av1,
}
