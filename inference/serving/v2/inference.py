"""A request of either transport, served: checked against the model, run in the request lane, put together again."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.dataplane import DataPlane
from inference.errors import ModelError
from inference.runtime.batching import BatcherClosed, BatcherFull, DeadlineExceeded, ModelFailed, RowRefused
from inference.runtime.rows import Row, TensorSpec
from inference.served_version import ServedVersion
from inference.serving.refusal import Refused
from inference.serving.v2.asked import Answered, Asked, Output, Schedule, Tensor
from inference.serving.v2.classification import classified
from inference.serving.v2.datatypes import NAMES

MAX_ROWS = 128
"""Of one request: a quarter of what the lane holds."""
LAST = 1 << 63
"""The priority of what is late and served all the same."""


def served(plane: DataPlane, name: str, version: str | None) -> ServedVersion:
    """The version that a client means. Raises Refused."""
    if name != plane.name:
        raise Refused("unknown", f"there is no model {name[:64]!r} here; there is {plane.name}")
    try:
        return plane.version(version or None)
    except ModelError as error:
        raise Refused("unknown", str(error)) from None


async def infer(found: ServedVersion, asked: Asked, deadline: float | None = None) -> Answered:
    """The outputs that are asked for. `deadline` is in monotonic seconds; the request may have an earlier one.

    Raises Refused.
    """
    if not found.ready:
        raise Refused("unavailable", f"{found.model.card.name} {found.model.version} is not ready", 1.0)
    outputs = _outputs(found.tensors.outputs, asked)
    arrays = _inputs(found, asked.inputs)
    timeout_s = asked.schedule.timeout_s
    if timeout_s is not None:
        deadline = min(monotonic() + timeout_s, deadline or float("inf"))
    row = await _run(found, arrays, deadline, asked.schedule)
    return Answered(found.model, [(output, _answer(found, row[place], output)) for output, place in outputs])


def _outputs(specs: Sequence[TensorSpec], asked: Asked) -> list[tuple[Output, int]]:
    """What is asked for, and its place among the model's outputs."""
    if not asked.outputs:
        return [(Output(spec.name, asked.binary), place) for place, spec in enumerate(specs)]
    places = {spec.name: place for place, spec in enumerate(specs)}
    found = []
    for output in asked.outputs:
        place = places.pop(output.name, None)
        if place is None:
            twice = any(spec.name == output.name for spec in specs)
            why = "is asked for twice" if twice else f"is no output; there are {', '.join(spec.name for spec in specs)}"
            raise Refused("invalid", f"{output.name[:64]} {why}")
        found.append((output, place))
    return found


def _inputs(found: ServedVersion, inputs: Sequence[Tensor]) -> Row:
    """The arrays in the graph's order. Raises Refused where they are not those that the model takes."""
    specs, batched = found.tensors.inputs, found.tensors.batched
    named = {tensor.name: tensor for tensor in inputs}
    if len(named) != len(inputs) or named.keys() != {spec.name for spec in specs}:
        has = ", ".join(tensor.name[:64] for tensor in inputs) or "none"
        raise Refused("invalid", f"the inputs are {', '.join(spec.name for spec in specs)}, each once, not {has}")
    arrays = []
    for spec in specs:
        _, datatype, array = named[spec.name]
        if array.dtype != spec.dtype:
            raise Refused("invalid", f"{spec.name}: datatype is {NAMES[spec.dtype]}, not {datatype}")
        wanted = (None, *spec.shape) if batched else spec.shape
        fits = array.ndim == len(wanted) and all(
            has > 0 and (length is None or length == has) for has, length in zip(array.shape, wanted, strict=True)
        )
        if not fits:
            raise Refused("invalid", f"{spec.name}: shape is {_text(wanted)}, not {list(array.shape)}")
        arrays.append(array)
    return _checked(found, tuple(arrays))


def _checked(found: ServedVersion, arrays: Row) -> Row:
    """What a shape with free lengths does not say: as many rows in each, and pictures no larger than the card's."""
    if found.tensors.batched:
        rows = len(arrays[0])
        if any(len(array) != rows for array in arrays):
            raise Refused("invalid", f"the inputs have different numbers of rows: {[len(array) for array in arrays]}")
        if rows > MAX_ROWS:
            raise Refused("invalid", f"{rows} rows are more than the {MAX_ROWS} that one request may have")
    if found.model.card.task != "tensor":
        limits = found.model.card.input_of(found.model.version)
        height, width = arrays[0].shape[1:3]
        if not limits.takes(height, width) or max(height, width) > (limits.size or max(height, width)):
            what = f"at most {limits.size} pixels a side, in multiples of {limits.multiple}"
            raise Refused("invalid", f"a picture of {width}x{height} does not fit: {what}")
    return arrays


async def _run(found: ServedVersion, arrays: Row, deadline: float | None, schedule: Schedule) -> Row:
    """The outputs, with a batch axis where the model has one. Raises Refused."""
    if not found.tensors.batched:
        return await _one(found, arrays, deadline, schedule)
    if len(arrays[0]) == 1:
        row = await _one(found, tuple([array[0] for array in arrays]), deadline, schedule)
        return tuple([np.asarray(array)[np.newaxis] for array in row])
    try:
        async with asyncio.TaskGroup() as group:  # one that is refused cancels its mates: nobody gets half an answer
            rows = [
                group.create_task(_one(found, tuple([array[index] for array in arrays]), deadline, schedule))
                for index in range(len(arrays[0]))
            ]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return _stacked(found, [row.result() for row in rows])


async def _one(found: ServedVersion, row: Row, deadline: float | None, schedule: Schedule) -> Row:
    batcher = found.tensors.batcher
    try:
        try:
            return (await batcher.submit(row, deadline, "request", schedule.priority)).result
        except (DeadlineExceeded, BatcherFull):
            if not schedule.delay or deadline is None:
                raise
            return (await batcher.submit(row, None, "request", LAST)).result
    except DeadlineExceeded as error:
        raise Refused("late", str(error)) from None
    except BatcherFull as error:
        raise Refused("overloaded", str(error), error.wait_s) from None
    except BatcherClosed as error:
        raise Refused("unavailable", str(error), 1.0) from None
    except RowRefused as error:
        raise Refused("invalid", str(error)) from None
    except ModelFailed as error:
        raise Refused("failed", str(error)) from None


def _stacked(found: ServedVersion, rows: list[Row]) -> Row:
    return tuple(_stack(found, spec, [row[place] for row in rows]) for place, spec in enumerate(found.tensors.outputs))


def _stack(found: ServedVersion, spec: TensorSpec, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """One array of all rows. Of detections the shorter are filled up with zeros: `counts` says how many are real."""
    shapes = {array.shape for array in arrays}
    if len(shapes) == 1:
        return np.stack(arrays)
    if found.model.card.task != "detection" or len({len(shape) for shape in shapes}) > 1:
        raise Refused("failed", f"{spec.name} has another shape in each row: ask for one row at a time")
    whole = np.zeros((len(arrays), *(max(lengths) for lengths in zip(*shapes, strict=True))), spec.dtype)
    for row, array in zip(whole, arrays, strict=True):
        row[tuple(slice(length) for length in array.shape)] = array
    return whole


def _answer(found: ServedVersion, array: NDArray[Any], output: Output) -> NDArray[Any]:
    if not output.classes:
        return np.asarray(array)
    return classified(output.name, array, output.classes, found.model.card.labels, found.tensors.batched)


def _text(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('-1' if length is None else str(length) for length in shape)}]"
