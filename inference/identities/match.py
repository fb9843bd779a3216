"""Who a face is, as far as a gallery knows."""

from typing import NamedTuple


class Match(NamedTuple):
    """The person of the gallery that is most alike, where that is alike enough."""

    name: str
    """As it is displayed."""
    similarity: float
    """Cosine of the two embeddings, at the threshold or above, at most 1."""
