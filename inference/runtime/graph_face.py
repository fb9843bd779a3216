"""What a loaded graph takes and gives, and whether that is what its card's task wants."""

from typing import Any

import numpy as np

from inference.errors import ModelError
from inference.repository.folder import Model
from inference.runtime.rows import TensorSpec

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(object),
    **{f"tensor({kind}{bits})": np.dtype(f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
FACES = {
    "detection": (
        {"images": ("tensor(uint8)", 4)},
        {
            "boxes": ("tensor(float)", 3),
            "scores": ("tensor(float)", 2),
            "labels": ("tensor(int64)", 2),
            "counts": ("tensor(int64)", 1),
        },
    ),
    "classification": ({"images": ("tensor(uint8)", 4)}, {"scores": ("tensor(float)", 2)}),
    "embedding": ({"images": ("tensor(uint8)", 4)}, {"embeddings": ("tensor(float)", 2)}),
}
"""By task: what the graph must take, and what it must give at least, with types and ranks."""


def check_face(model: Model, session: Any) -> None:
    """Names, types and ranks are those of the card's task. Raises ModelError."""
    task = model.card.task
    if task not in FACES:
        return
    inputs, outputs = FACES[task]
    has = {value.name: (value.type, len(value.shape)) for value in session.get_inputs()}
    if has != inputs:
        raise ModelError(f"{model.path}: inputs for {task} are {inputs}, those of this graph {has}")
    has = {value.name: (value.type, len(value.shape)) for value in session.get_outputs()}
    if not outputs.items() <= has.items():
        raise ModelError(f"{model.path}: outputs for {task} are {outputs}, those of this graph {has}")


def is_batched(session: Any) -> bool:
    """Whether rows are stacked along a first axis of any length, in every input."""
    return all(len(value.shape) > 0 and _any_length(value.shape[0]) for value in session.get_inputs())


def spec_of(model: Model, value: Any, batched: bool) -> TensorSpec:
    """An input or output, without its batch axis. Raises ModelError for what no request can hold."""
    if value.type not in _DTYPES:
        raise ModelError(f"{model.path}: {value.name} is a {value.type}, which no request can hold")
    shape = value.shape[1:] if batched else value.shape
    return TensorSpec(
        value.name, _DTYPES[value.type], tuple(None if _any_length(length) else length for length in shape)
    )


def _any_length(length: object) -> bool:
    return not isinstance(length, int) or length < 0
