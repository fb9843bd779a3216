"""Ids of objects: ULIDs that a replay makes again."""

import hashlib

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HASH_BYTES = 10


def object_id(captured_s: float, detection_id: str) -> str:
    """The ULID (26 characters) of an object's first detection.

    48 bits of the capture time in milliseconds, 80 bits of blake2b over `detection_id`:
    `<detections id>/<index in the message>`.
    """
    milliseconds = round(captured_s * 1000) & (1 << 48) - 1
    digest = hashlib.blake2b(detection_id.encode(), digest_size=_HASH_BYTES).digest()
    number = milliseconds << 80 | int.from_bytes(digest, "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))
