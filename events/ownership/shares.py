"""Who should have which partition: weighted rendezvous hashing, so that a worker that comes or goes moves nothing but
its own share. Pure.
"""

from collections.abc import Mapping

from vedette.fleet.rendezvous import first


def share_of(worker: str, workers: Mapping[str, float | None], partitions: int) -> frozenset[int]:
    """The partitions that `worker` should have among `workers`, by name their weights.

    Where one says none (it is of a version that doesn't), all count the same, as that one believes.
    """
    said = {name: weight for name, weight in workers.items() if weight is not None and weight > 0}
    weights = said if len(said) == len(workers) else dict.fromkeys(workers, 1.0)
    return frozenset(partition for partition in range(partitions) if first(str(partition), weights) == worker)
