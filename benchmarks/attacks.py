"""Attacks on a detector that see only its answers: what feature squeezing is tried on.

Square Attack: Andriushchenko, Croce, Flammarion and Hein, ECCV 2020 (arXiv:1912.00049), the L-infinity variant with its
schedule. Patch: random search in a sticker, after Sparse-RS (Croce et al., AAAI 2022, arXiv:2006.12834). Both hide: the
loss is what the model still sees. Pictures are uint8 [height, width, 3], as the model gets them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Loss = Callable[[Image], float]

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Of 10,000 queries: when the squares' area is halved (section 3.1)."""


def square_attack(picture: Image, loss: Loss, bound: int, queries: int, rng: np.random.Generator) -> Image:
    """The picture with each channel changed by at most `bound`, so that the loss is low."""
    height, width, _ = picture.shape
    stripes = rng.choice((-bound, bound), (1, width, 3)).repeat(height, axis=0)
    best = _added(picture, stripes)
    lowest = loss(best)
    for query in range(1, queries):
        side = _side(query / queries, height, width, share=0.1)
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        tried = best.copy()
        inside = (slice(top, top + side), slice(left, left + side))
        tried[inside] = _added(picture[inside], rng.choice((-bound, bound), (1, 1, 3)))
        if (reached := loss(tried)) < lowest:
            best, lowest = tried, reached
    return best


def patch_attack(
    picture: Image, loss: Loss, place: tuple[int, int, int], queries: int, rng: np.random.Generator
) -> Image:
    """The picture with a sticker of any colours at (left, top, side), so that the loss is low."""
    left, top, size = place
    best = picture.copy()
    best[top : top + size, left : left + size] = rng.choice((0, 255), (size, size, 3)).astype(np.uint8)
    lowest = loss(best)
    for query in range(1, queries):
        side = _side(query / queries, size, size, share=0.4)
        down, right = top + int(rng.integers(size - side + 1)), left + int(rng.integers(size - side + 1))
        tried = best.copy()
        tried[down : down + side, right : right + side] = rng.choice((0, 255), 3)
        if (reached := loss(tried)) < lowest:
            best, lowest = tried, reached
    return best


def noise(picture: Image, bound: int, rng: np.random.Generator) -> Image:
    """No attack: as much change as the squares', at random."""
    return _added(picture, rng.choice((-bound, bound), picture.shape))


def _added(picture: Image, change: NDArray[np.int64]) -> Image:
    return (picture.astype(np.int64) + change).clip(0, 255).astype(np.uint8)


def _side(done: float, height: int, width: int, share: float) -> int:
    """Pixels of a square that is `share` of the picture at first."""
    halvings = sum(done * 10_000 > query for query in _HALVED_AT)
    return max(1, min(height, width, round((share / 2**halvings * height * width) ** 0.5)))
