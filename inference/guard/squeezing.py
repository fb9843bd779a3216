"""Feature squeezing: a model's answer on a picture and on a squeezed copy of it must agree.

Xu, Evans and Qi, Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks, NDSS 2018
(arXiv:1704.01155): fewer bits a channel, and a median filter, destroy the small or sharp changes of an attack and leave
what the picture shows. Theirs is about classifiers, whose answers are vectors to subtract. A detector's is a set of
boxes; `disagreement` is ours.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_IOU = 0.5


class Box(Protocol):
    """A detection."""

    @property
    def label(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """x, y, width, height."""


def fewer_bits(picture: Image, bits: int = 4) -> Image:
    """The picture with `bits` (1 to 7) a channel, spread over 0 to 255 again."""
    levels = 2**bits - 1
    table = np.round(np.round(np.arange(256) / 255 * levels) / levels * 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table), np.uint8)


def smoothed(picture: Image, size: int = 3) -> Image:
    """Each channel's median in a window of `size` (odd) pixels."""
    return np.asarray(cv2.medianBlur(picture, size), np.uint8)


SQUEEZERS: dict[str, Callable[[Image], Image]] = {"bits": fewer_bits, "median": smoothed}


def disagreement(one: Sequence[Box], other: Sequence[Box], floor: float) -> float:
    """How far two answers are apart on the object on which they differ most: 0 (alike) to 1 (sure, and not there).

    The weight of a box is how far its confidence is above `floor`, as a share of what it could be, so that one that
    flickers about the threshold weighs nothing. Boxes match one to one with the same label and IoU >= 0.5, the most
    confident first; a pair differs by its weights, what has no partner by its own. The largest and not the sum: one
    person hidden in a crowd is as bad as one hidden alone.
    """
    found = _weighed(one, floor)
    free = _weighed(other, floor)
    largest = 0.0
    for box, weight in found:
        partner = max(free, key=lambda candidate: _overlap(box, candidate[0]), default=None)
        if partner is None or _overlap(box, partner[0]) < _IOU:
            largest = max(largest, weight)
        else:
            free.remove(partner)
            largest = max(largest, abs(weight - partner[1]))
    return max([largest, *(weight for _, weight in free)])


def is_sampled(frame_id: str, share: float) -> bool:
    """Whether a frame is of the share (0 to 1) that is checked: by the hash of its id, so that a repetition is too."""
    digest = hashlib.blake2b(frame_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def _weighed(boxes: Sequence[Box], floor: float) -> list[tuple[Box, float]]:
    found = [(box, (box.confidence - floor) / (1 - floor)) for box in boxes if box.confidence > floor]
    return sorted(found, key=lambda pair: -pair[1])


def _overlap(one: Box, other: Box) -> float:
    """IoU, 0 for different labels."""
    if one.label != other.label:
        return 0.0
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one.bbox, other.bbox
    across = max(0.0, min(x1 + w1, x2 + w2) - max(x1, x2))
    down = max(0.0, min(y1 + h1, y2 + h2) - max(y1, y2))
    union = w1 * h1 + w2 * h2 - across * down
    return across * down / union if union > 0 else 0.0
