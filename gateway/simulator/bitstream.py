"""What is known of codecs; H.264 and H.265 bitstreams, cut into NAL units without decoding anything.

A file stores its NAL units either with a length before each (MP4, Matroska; ISO/IEC 14496-15) or with start codes
between them (MPEG-TS, raw streams; Annex B of H.264 and H.265).
"""

import re
from dataclasses import dataclass
from typing import Literal

_START_CODE = re.compile(rb"\x00\x00\x01")


@dataclass(frozen=True)
class Codec:
    """What the simulator has to know of a codec. NAL unit types: H.264 table 7-1, H.265 table 7-1."""

    name: Literal["h264", "hevc", "mjpeg", "vp8", "vp9", "av1"]
    title: str
    encoding: str
    """The encoding name in the SDP."""
    header_bytes: int
    """The length of a NAL unit's header."""
    parameter_types: tuple[int, ...]
    """VPS, SPS and PPS, in the order in which a decoder wants them."""
    idle_types: frozenset[int]
    """Access unit delimiters and filler: nothing a client needs."""
    payload_type: int = 96
    """In RTP."""

    @property
    def has_nals(self) -> bool:
        """Whether its pictures are made of NAL units."""
        return self.header_bytes > 0

    def type_of(self, nal: bytes) -> int:
        """The type of the NAL unit."""
        return nal[0] & 0x1F if self.name == "h264" else nal[0] >> 1 & 0x3F


H264 = Codec("h264", "H.264", "H264", 1, (7, 8), frozenset({9, 12}))
H265 = Codec("hevc", "H.265", "H265", 2, (32, 33, 34), frozenset({35, 38}))
_WHOLE = (0, (), frozenset[int]())
MJPEG = Codec("mjpeg", "MJPEG", "JPEG", *_WHOLE, payload_type=26)
VP8, VP9, AV1 = (
    Codec("vp8", "VP8", "VP8", *_WHOLE),
    Codec("vp9", "VP9", "VP9", *_WHOLE),
    Codec("av1", "AV1", "AV1", *_WHOLE),
)
CODECS: dict[str, Codec] = {codec.name: codec for codec in (H264, H265, MJPEG, VP8, VP9, AV1)}


@dataclass(frozen=True)
class Format:
    """How a file stores its NAL units, and the parameter sets which it keeps apart from them."""

    length_bytes: int | None
    """The size of each unit's length field; ``None`` stands for start codes (Annex B)."""
    parameter_sets: tuple[bytes, ...]


def read_format(codec: Codec, extradata: bytes) -> Format:
    """Read a decoder configuration record, avcC or hvcC (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1), or Annex B.

    Raises ``ValueError`` when the record is damaged.
    """
    if not extradata or extradata.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
        return Format(None, tuple(_between_start_codes(extradata)))
    try:
        return _read_avcc(extradata) if codec is H264 else _read_hvcc(extradata)
    except IndexError:
        raise ValueError("the decoder configuration record is damaged") from None


def split(data: bytes, length_bytes: int | None) -> list[bytes]:
    """Cut a stored access unit into its NAL units; raises ``ValueError`` when the lengths don't add up."""
    if length_bytes is None:
        return _between_start_codes(data)
    nals, at = [], 0
    while at < len(data):
        nal, at = _prefixed(data, at, length_bytes)
        if nal:
            nals.append(nal)
    return nals


def _read_avcc(record: bytes) -> Format:
    sets: list[bytes] = []
    at = 6
    at = _append_prefixed(sets, record, at, record[5] & 0x1F)
    _append_prefixed(sets, record, at + 1, record[at])
    return Format((record[4] & 3) + 1, tuple(sets))


def _read_hvcc(record: bytes) -> Format:
    sets: list[bytes] = []
    at = 23
    for _ in range(record[22]):
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at = _append_prefixed(sets, record, at + 3, count)
    return Format((record[21] & 3) + 1, tuple(sets))


def _append_prefixed(nals: list[bytes], data: bytes, at: int, count: int) -> int:
    for _ in range(count):
        nal, at = _prefixed(data, at, 2)
        nals.append(nal)
    return at


def _prefixed(data: bytes, at: int, length_bytes: int) -> tuple[bytes, int]:
    start = at + length_bytes
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise ValueError("a NAL unit reaches beyond its packet")
    return data[start:end], end


def _between_start_codes(data: bytes) -> list[bytes]:
    pieces = _START_CODE.split(data)[1:]
    return [nal for piece in pieces if (nal := piece.rstrip(b"\x00"))]
