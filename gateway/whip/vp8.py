"""VP8 in RTP (RFC 7741): a descriptor before each part of a frame. Pure."""

from collections.abc import Sequence

_EXTENDED, _START, _PARTITION = 0x80, 0x10, 0x07
_PICTURE_ID, _LEVEL, _LAYER, _KEY_INDEX = 0x80, 0x40, 0x20, 0x10
_LONG = 0x80
_INTER_FRAME = 0x01


class Vp8Payloads:
    """Takes the descriptors off."""

    def begins(self, payload: bytes) -> bool:
        return bool(payload) and bool(payload[0] & _START) and not payload[0] & _PARTITION

    def assemble(self, payloads: Sequence[bytes]) -> tuple[bytes, bool]:
        if not payloads or not self.begins(payloads[0]):
            raise ValueError("the frame's first part is missing")
        data = b"".join(payload[_descriptor_size(payload) :] for payload in payloads if payload)
        if not data:
            raise ValueError("the frame is empty")
        return data, not data[0] & _INTER_FRAME


def _descriptor_size(payload: bytes) -> int:
    """Bytes of the descriptor (RFC 7741, section 4.2).

    Raises:
        ValueError: it is cut off.
    """
    if not payload[0] & _EXTENDED:
        return 1
    try:
        extensions, size = payload[1], 2
        if extensions & _PICTURE_ID:
            size += 2 if payload[size] & _LONG else 1
    except IndexError:
        raise ValueError("a payload descriptor is cut off") from None
    size += bool(extensions & _LEVEL)
    size += bool(extensions & (_LAYER | _KEY_INDEX))
    return size
