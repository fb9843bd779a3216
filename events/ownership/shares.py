"""Who should have which partition: rendezvous hashing. Pure.

Each partition goes to the worker whose hash with it is highest, so that a worker that comes or goes moves nothing but
its own share (D. Thaler, C. Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996).
"""

from collections.abc import Iterable
from hashlib import blake2b


def share_of(worker: str, workers: Iterable[str], partitions: int) -> frozenset[int]:
    """The partitions that `worker` should have among `workers`."""
    every = {worker, *workers}
    return frozenset(
        partition for partition in range(partitions) if max(every, key=lambda name: _weight(name, partition)) == worker
    )


def _weight(worker: str, partition: int) -> bytes:
    return blake2b(f"{worker}|{partition}".encode(), digest_size=8).digest()
