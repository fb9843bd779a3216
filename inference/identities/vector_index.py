"""The vectors of a gallery that one model made, searched exactly: the one wrapper round Faiss.

`IndexFlatIP` compares with every vector: the inner product of vectors of length 1 is their cosine. docs/identities.md
has its figures; it is quick enough for all that a gallery may hold (`MOST_PEOPLE`).
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Nearest(NamedTuple):
    """The vector that is most alike."""

    owner: int
    """As it was given with the vector."""
    similarity: float
    """Cosine, -1 to 1."""


class VectorIndex:
    """Immutable; it may be searched from several threads."""

    def __init__(self, vectors: Sequence[NDArray[np.float32]], owners: Sequence[int]) -> None:
        """`vectors` are of length 1 and of one dimension, one at least; `owners` say whose each is."""
        matrix = np.ascontiguousarray(np.stack(vectors), np.float32)
        self.dimensions: int = matrix.shape[1]
        self._owners = list(owners)
        self._index = _faiss().IndexFlatIP(self.dimensions)
        self._index.add(matrix)

    def nearest(self, vectors: NDArray[np.float32]) -> list[Nearest]:
        """For each of `vectors` [n, d], of any length but 0, the owner of the most alike one."""
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        asked = np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12), np.float32)
        _faiss().omp_set_num_threads(1)  # of the calling thread; the machine's cores are for inference
        similarities, places = self._index.search(asked, 1)
        found = zip(places[:, 0].tolist(), similarities[:, 0].tolist(), strict=True)
        return [Nearest(self._owners[place], min(1.0, similarity)) for place, similarity in found]


@lru_cache(1)
def _faiss() -> Any:
    """Imported when there is a gallery: 0.06 s and 15 MiB."""
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it tells which of its builds it tries
    import faiss

    return faiss
