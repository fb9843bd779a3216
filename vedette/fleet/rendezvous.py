"""Weighted rendezvous hashing: who should have what, in proportion to weights, agreed upon by hashing alone. Pure.

Each key draws an exponentially distributed number for each member, and goes to the one with the least number by its
weight: -ln(hash) / weight. So a member has a share of the keys in proportion to its weight, and one that comes, goes or
changes its weight moves nothing but its own share (D. Thaler, C. Ravishankar, "A Name-Based Mapping Scheme for
Rendezvous", 1996; J. Resch, "New Hashing Algorithms for Data Storage", SDC 2015). With equal weights it is plain
rendezvous hashing by the highest hash.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from math import log

_BITS = 52
"""So many fit into a float's mantissa with a half added: neither 0 nor 1 comes out."""


def ranking(key: str, weights: Mapping[str, float]) -> list[str]:
    """The members by weight (over 0), the one that should have `key` first."""
    return sorted(weights, key=lambda member: (drawn(member, key) / weights[member], member))


def first(key: str, weights: Mapping[str, float]) -> str:
    """The one that should have `key`. Raises ValueError where there is no member."""
    return min(weights, key=lambda member: (drawn(member, key) / weights[member], member))


@lru_cache(maxsize=65536)
def drawn(member: str, key: str) -> float:
    """A number of the exponential distribution, always the same for both."""
    digest = int.from_bytes(blake2b(f"{member}|{key}".encode(), digest_size=8).digest(), "big")
    return -log(((digest >> (64 - _BITS)) + 0.5) / 2**_BITS)
