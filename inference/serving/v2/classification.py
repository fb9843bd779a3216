"""Triton's classification extension: the highest-valued classes of an output, as strings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.serving.refusal import Refused


def classified(name: str, array: NDArray[Any], classes: int, labels: Sequence[str], batched: bool) -> NDArray[Any]:
    """`value:index[:label]` of the `classes` highest, by falling value: strings [N, k], or [k] where not `batched`.

    Labels are given where there is one for each class. Raises Refused for an output that can't be classified.
    """
    if array.dtype.kind not in "iuf":
        raise Refused("invalid", f"{name}: classification is of numbers")
    rows = array.reshape(len(array), -1) if batched else array.reshape(1, -1)
    count = min(classes, rows.shape[1])
    best = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :count]
    labels = labels if len(labels) == rows.shape[1] else ()
    found = np.empty(best.shape, object)
    for row, indices in enumerate(best.tolist()):
        for place, index in enumerate(indices):
            text = f"{rows[row, index]!s}:{index}"
            found[row, place] = f"{text}:{labels[index]}" if labels else text
    return found if batched else found[0]
