"""Vectors to names: what a pipeline's identities stage is asked."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Match(Protocol):
    """Who it is."""

    @property
    def name(self) -> str: ...
    @property
    def similarity(self) -> float:
        """Cosine, at most 1."""
        ...


class Gallery(Protocol):
    """Enrolled people. Called from a thread of its own: it may take its time."""

    @property
    def ready(self) -> bool:
        """Whether it knows its people; until then its stage is incomplete."""
        ...

    def match(self, vectors: NDArray[np.float32], digest: str) -> Sequence[Match | None]:
        """For each of `vectors` [n, d], of length 1 and made by the model with this digest, who it is."""
        ...
