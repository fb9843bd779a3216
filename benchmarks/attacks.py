"""Attacks on a detector that see only its answers: what feature squeezing is tried on.

Square Attack: Andriushchenko, Croce, Flammarion and Hein, ECCV 2020 (arXiv:1912.00049), the L-infinity variant with its
schedule. Sparse-RS: Croce et al., AAAI 2022 (arXiv:2006.12834): some pixels of an area, or a patch, the sticker of a
physical attack. An attack ends when the loss is at `goal` or its queries are used up. Pictures are uint8
[height, width, 3], as the model gets them.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.int64]
State = TypeVar("State")

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Of 10,000 queries: when the squares' area is halved (section 3.1)."""


class Area(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    bottom: int
    right: int


class Search(NamedTuple):
    """What an attack wants, and may do for it."""

    loss: Callable[[Image], float]
    goal: float
    queries: int
    rng: np.random.Generator


def square_attack(picture: Image, search: Search, bound: int) -> Image:
    """The picture with each channel changed by at most `bound`."""
    height, width, _ = picture.shape
    rng = search.rng

    def tried(best: Image, done: float) -> Image:
        side = _side(done, height, width, share=0.1)
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        inside = (slice(top, top + side), slice(left, left + side))
        changed = best.copy()
        changed[inside] = _added(picture[inside], rng.choice((-bound, bound), (1, 1, 3)))
        return changed

    stripes = rng.choice((-bound, bound), (1, width, 3)).repeat(height, axis=0)
    return _searched(_added(picture, stripes), tried, lambda state: state, search)


def pixel_attack(picture: Image, search: Search, area: Area, pixels: int = 60) -> Image:
    """The picture with this many pixels of an area changed to corners of the colour cube."""
    rng = search.rng

    def drawn(count: int) -> Points:
        """[count, 5]: row, column, colour."""
        places = rng.integers(area[:2], area[2:], (count, 2))
        return np.hstack([places, rng.choice((0, 255), (count, 3))])

    def tried(best: Points, done: float) -> Points:
        changed = best.copy()
        moved = rng.choice(pixels, max(1, round(0.3 * pixels * (1 - done))), replace=False)
        changed[moved] = drawn(len(moved))
        return changed

    def painted(points: Points) -> Image:
        changed = picture.copy()
        changed[points[:, 0], points[:, 1]] = points[:, 2:]
        return changed

    return _searched(drawn(pixels), tried, painted, search)


def patch_attack(picture: Image, search: Search, area: Area, cell: int) -> Image:
    """The picture with a sticker on an area, of squares of `cell` pixels in corners of the colour cube."""
    height, width = area.bottom - area.top, area.right - area.left
    rows, columns = -(-height // cell), -(-width // cell)
    rng = search.rng

    def tried(best: Image, done: float) -> Image:
        side = _side(done, rows, columns, share=0.4)
        top, left = int(rng.integers(rows - side + 1)), int(rng.integers(columns - side + 1))
        changed = best.copy()
        changed[top : top + side, left : left + side] = rng.choice((0, 255), 3)
        return changed

    def painted(cells: Image) -> Image:
        changed = picture.copy()
        sticker = cv2.resize(cells, (columns * cell, rows * cell), interpolation=cv2.INTER_NEAREST)
        changed[area.top : area.bottom, area.left : area.right] = sticker[:height, :width]
        return changed

    return _searched(rng.choice((0, 255), (rows, columns, 3)).astype(np.uint8), tried, painted, search)


def noise(picture: Image, bound: int, rng: np.random.Generator) -> Image:
    """No attack: as much change as the squares', at random."""
    return _added(picture, rng.choice((-bound, bound), picture.shape))


def _searched(
    first: State, tried: Callable[[State, float], State], painted: Callable[[State], Image], search: Search
) -> Image:
    """Random search: a trial replaces the best if its loss is lower."""
    best, lowest = first, search.loss(painted(first))
    for query in range(1, search.queries):
        if lowest <= search.goal:
            break
        candidate = tried(best, query / search.queries)
        if (reached := search.loss(painted(candidate))) < lowest:
            best, lowest = candidate, reached
    return painted(best)


def _added(picture: Image, change: NDArray[np.int64]) -> Image:
    return (picture.astype(np.int64) + change).clip(0, 255).astype(np.uint8)


def _side(done: float, height: int, width: int, share: float) -> int:
    """Pixels of a square that is `share` of the picture at first."""
    halvings = sum(done * 10_000 > query for query in _HALVED_AT)
    wanted = float(share / 2.0**halvings * height * width) ** 0.5
    return int(max(1, min(height, width, round(wanted))))
