"""Which cameras a share is. Pure."""

from hashlib import blake2b

_PLACES = 2**64


def place_of(site: str, camera: str) -> float:
    """Where a camera stands from 0 to below 1, for ever and in every process: uniform over cameras.

    It is the first half of a 53-bit fraction of blake2b, so that it is exact in a float.
    """
    digest = blake2b(f"{site}/{camera}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def in_share(site: str, camera: str, share: float) -> bool:
    """Whether a camera is one of `share` of all. A larger share has the cameras of a smaller one, and more."""
    return place_of(site, camera) < share
