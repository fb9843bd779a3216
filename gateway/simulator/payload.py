"""NAL units into RTP payloads (RFC 6184 for H.264, RFC 7798 for H.265).

A unit which fits goes as it is (single NAL unit packet: RFC 6184, 5.6; RFC 7798, 4.4.1), a longer one in fragments
(FU-A: RFC 6184, 5.8; FU: RFC 7798, 4.4.3). Units are not aggregated.
"""

from gateway.simulator.bitstream import H264, Codec

MAX_PAYLOAD_BYTES = 1400
_START, _END = 0x80, 0x40
_H264_FU_A, _H265_FU = 28, 49


def payloads(codec: Codec, nal: bytes, max_bytes: int = MAX_PAYLOAD_BYTES) -> list[bytes]:
    """The RTP payloads of one NAL unit, none longer than ``max_bytes``."""
    if len(nal) <= max_bytes:
        return [nal]
    head = _fragment_head(codec, nal)
    kind = codec.type_of(nal)
    room = max_bytes - len(head) - 1
    starts = range(codec.header_bytes, len(nal), room)
    return [head + bytes([kind | _edges(at, starts)]) + nal[at : at + room] for at in starts]


def _edges(at: int, starts: range) -> int:
    return (_START if at == starts[0] else 0) | (_END if at == starts[-1] else 0)


def _fragment_head(codec: Codec, nal: bytes) -> bytes:
    """The unit's own header with the type replaced by that of a fragment."""
    if codec is H264:
        return bytes([nal[0] & 0xE0 | _H264_FU_A])
    return bytes([nal[0] & 0x81 | _H265_FU << 1, nal[1]])
