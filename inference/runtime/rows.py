"""What goes into a model and comes out of it: a row is one request's share of a batch, an array for each tensor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.runtime.batch_policy import Shape

Row = tuple[NDArray[Any], ...]
"""An array for each input, or each output, in the graph's order, without the batch axis."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a graph."""

    name: str
    dtype: np.dtype[Any]
    """`object` for strings."""
    shape: tuple[int | None, ...]
    """Without the batch axis; None where any length goes."""

    def refusal(self, array: NDArray[Any]) -> str | None:
        """Why `array` can't be this tensor of a row; None: it can."""
        if array.dtype != self.dtype:
            return f"{self.name} is {self.dtype}, not {array.dtype}"
        fits = len(array.shape) == len(self.shape) and all(
            has > 0 and (wanted is None or wanted == has) for has, wanted in zip(array.shape, self.shape, strict=True)
        )
        return None if fits else f"{self.name} is {self}, not {list(array.shape)}"

    def __str__(self) -> str:
        return f"[{', '.join('any' if length is None else str(length) for length in self.shape)}]"


def shape_of(row: Row) -> Shape:
    """The lengths of all arrays in a line: rows of one model that have the same can share a batch."""
    return tuple(length for array in row for length in array.shape)


def smallest_row(specs: Sequence[TensorSpec]) -> Row:
    """Zeros (or empty strings), of length 1 where any length goes."""
    return tuple(
        np.full([length or 1 for length in spec.shape], b"" if spec.dtype == object else 0, spec.dtype)
        for spec in specs
    )
