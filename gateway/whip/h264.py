"""H.264 in RTP (RFC 6184): single NAL units, aggregation packets (STAP-A) and fragments (FU-A). Pure."""

from base64 import b64decode
from collections.abc import Iterator, Sequence

_START = b"\x00\x00\x00\x01"
_IDR, _SPS, _DELIMITER, _STAP_A, _FU_A = 5, 7, 9, 24, 28
_TYPE = 0x1F
_FIRST = 0x80


class H264Payloads:
    """Puts NAL units together. Parameter sets that came only in the offer are put before the keyframes."""

    def __init__(self, parameter_sets: str = "") -> None:
        """`parameter_sets`: the offer's `sprop-parameter-sets`, Base64 with commas."""
        self._parameter_sets = b"".join(_START + unit for unit in map(_decoded, parameter_sets.split(",")) if unit)

    def begins(self, payload: bytes) -> bool:
        """With parameter sets or a delimiter; other NAL units don't tell."""
        return bool(payload) and _first_type(payload) in (_SPS, _DELIMITER)

    def assemble(self, payloads: Sequence[bytes]) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        types: set[int] = set()
        for payload in payloads:
            for start, unit in _units(payload):
                if start:
                    types.add(unit[0] & _TYPE)
                    parts.append(_START)
                parts.append(unit)
        if not parts or parts[0] != _START:
            raise ValueError("the access unit begins within a NAL unit")
        keyframe = _IDR in types
        if keyframe and _SPS not in types:
            parts.insert(0, self._parameter_sets)
        return b"".join(parts), keyframe


def _units(payload: bytes) -> Iterator[tuple[bool, bytes]]:
    """The NAL units, or the fragment of one, in a payload; True: a NAL unit starts here.

    Raises:
        ValueError: it is none of RFC 6184's that packetization mode 1 allows, or cut off.
    """
    kind = payload[0] & _TYPE if payload else 0
    if 0 < kind < _STAP_A:
        yield True, payload
    elif kind == _FU_A and len(payload) > 2:
        if payload[1] & _FIRST:
            yield True, bytes(((payload[0] & ~_TYPE) | (payload[1] & _TYPE),)) + payload[2:]
        else:
            yield False, payload[2:]
    elif kind == _STAP_A:
        position = 1
        while position + 2 < len(payload):
            end = position + 2 + int.from_bytes(payload[position : position + 2], "big")
            if not position + 2 < end <= len(payload):
                raise ValueError("an aggregation packet is cut off")
            yield True, payload[position + 2 : end]
            position = end
    elif payload:
        raise ValueError(f"NAL units of type {kind} are not in packetization mode 1")


def _first_type(payload: bytes) -> int:
    kind = payload[0] & _TYPE
    if kind == _STAP_A and len(payload) > 3:
        return payload[3] & _TYPE
    if kind == _FU_A and len(payload) > 1:
        return payload[1] & _TYPE if payload[1] & _FIRST else 0
    return kind


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
