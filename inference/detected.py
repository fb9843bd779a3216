"""What a detector's graph gives for one picture."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.runtime.rows import Row


class Detected(NamedTuple):
    """What was found in one picture, by falling score; k is 0 to 100."""

    boxes: NDArray[np.float32]
    """[k, 4]: x1, y1, x2, y2 in input pixels, within the input."""
    scores: NDArray[np.float32]
    """[k], 0 to 1."""
    labels: NDArray[np.int64]
    """[k]: indices of the card's labels."""


def detected(outputs: Row) -> Detected:
    """Boxes, scores and labels, cut to their count; the graph's first four outputs."""
    boxes, scores, labels, count = outputs[:4]
    return Detected(boxes[: int(count)], scores[: int(count)], labels[: int(count)])
