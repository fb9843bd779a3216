"""Which cameras a share is. Pure."""

from hashlib import blake2b


def place_of(site: str, camera: str) -> float:
    """Where a camera stands from 0 to below 1, for ever and in every process: uniform over cameras.

    53 bits of blake2b as a fraction, which a float holds exactly.
    """
    digest = blake2b(f"{site}/{camera}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2.0**53


def in_share(site: str, camera: str, share: float) -> bool:
    """Whether a camera is one of `share` of all. A larger share has the cameras of a smaller one, and more."""
    return place_of(site, camera) < share
