"""A request of either transport, served: checked against the model, run in the request lane, put together again."""

import asyncio
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
from inference.serving.v2.asked import Answered, Asked, Output, Schedule
from inference.serving.v2.classification import classified
from inference.serving.v2.contract import contract_of

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


async def infer(found: ServedVersion, asked: Asked, deadline: float | None = None, protocol: str = "") -> Answered:
    """The outputs that are asked for. `deadline` is in monotonic seconds; the request may have an earlier one.
    `protocol` is how it came, for the metrics.

    `found` must have been looked up without an await since: it may be let go at any moment. Raises Refused.
    """
    if not found.ready:
        raise Refused("unavailable", f"{found.model.card.name} {found.model.version} is not ready", 1.0)
    contract = contract_of(found)
    outputs = contract.outputs(asked)
    arrays = contract.row(asked.inputs)
    timeout_s = asked.schedule.timeout_s
    if timeout_s is not None:
        deadline = min(monotonic() + timeout_s, deadline or float("inf"))
    with found.use():
        row = await _run(found, arrays, deadline, asked.schedule, protocol)
    return Answered(found.model, [(output, _answer(found, row[place], output)) for output, place in outputs])


async def _run(found: ServedVersion, arrays: Row, deadline: float | None, schedule: Schedule, protocol: str) -> Row:
    """The outputs, with a batch axis where the model has one. Raises Refused."""
    if not found.tensors.batched:
        return await _one(found, arrays, deadline, schedule, protocol)
    if len(arrays[0]) == 1:
        row = await _one(found, tuple([array[0] for array in arrays]), deadline, schedule, protocol)
        return tuple([np.asarray(array)[np.newaxis] for array in row])
    try:
        async with asyncio.TaskGroup() as group:  # one that is refused cancels its mates: nobody gets half an answer
            rows = [
                group.create_task(_one(found, tuple([array[index] for array in arrays]), deadline, schedule, protocol))
                for index in range(len(arrays[0]))
            ]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return _stacked(found, [row.result() for row in rows])


async def _one(found: ServedVersion, row: Row, deadline: float | None, schedule: Schedule, protocol: str) -> Row:
    batcher = found.tensors.batcher
    try:
        try:
            return (await batcher.submit(row, deadline, "request", schedule.priority, protocol)).result
        except (DeadlineExceeded, BatcherFull):
            if not schedule.delay or deadline is None:
                raise
            return (await batcher.submit(row, None, "request", LAST, protocol)).result
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
    return tuple(_stack(spec, [row[place] for row in rows]) for place, spec in enumerate(found.tensors.outputs))


def _stack(spec: TensorSpec, arrays: list[NDArray[Any]]) -> NDArray[Any]:
    if len({array.shape for array in arrays}) > 1:
        raise Refused("failed", f"{spec.name} has another shape in each row: ask for one row at a time")
    return np.stack(arrays)


def _answer(found: ServedVersion, array: NDArray[Any], output: Output) -> NDArray[Any]:
    if not output.classes:
        return np.asarray(array)
    return classified(output.name, array, output.classes, found.model.card.labels, found.tensors.batched)
