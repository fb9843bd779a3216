"""The JSON of an inference request, and of its answer, with the tensors behind it (binary tensor data extension)."""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from inference.serving.refusal import Refused
from inference.serving.v2.asked import Answered, Asked, Output, Schedule, Tensor, schedule_of
from inference.serving.v2.datatypes import NAMES
from inference.serving.v2.tensors import checked_shape, from_binary, from_list, to_binary, to_list

MAX_JSON_BYTES = 8 << 20
"""Lists of Python objects take ten to twenty times their text; who has more sends it in binary."""
MAX_ID_LENGTH = 1024
MAX_TENSORS = 256
_REMEMBERED, _MAX_REMEMBERED_BYTES = 256, 1024
"""Clients send the same JSON with other tensors again and again: so many texts, up to that size, are read once."""


def read_request(body: bytes, json_bytes: int | None) -> Asked:
    """The request whose JSON is the first `json_bytes` of `body` (None: all of it).

    Raises Refused.
    """
    length = len(body) if json_bytes is None else json_bytes
    if not 0 <= length <= len(body):
        raise Refused("invalid", f"Inference-Header-Content-Length is {length}, and the body {len(body)} bytes")
    if length > MAX_JSON_BYTES:
        raise Refused("too_large", f"the JSON is over {MAX_JSON_BYTES} bytes: send large tensors in binary")
    text = body[:length]
    described = _remembered(text) if length <= _MAX_REMEMBERED_BYTES else _described(text)
    return Asked(
        _tensors(described.inputs, memoryview(body)[length:]),
        described.outputs,
        described.binary,
        described.id,
        described.schedule,
    )


def parsed(text: bytes) -> Any:
    """JSON as data. Raises Refused, also for what is nested without end and for numbers of thousands of digits."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("invalid", f"the body is no JSON: {error}") from None


def write_answer(answered: Answered, name: str) -> tuple[list[memoryview | bytes], int | None]:
    """The body's parts, and the length of its JSON where tensors follow."""
    if not all(output.binary for output, _ in answered.outputs):
        return _write_lists(answered, name)
    tensors = [to_binary(array) for _, array in answered.outputs]
    sizes = tuple(
        [
            (output.name, NAMES[array.dtype], array.shape, memoryview(data).nbytes)
            for (output, array), data in zip(answered.outputs, tensors, strict=True)
        ]
    )
    model = answered.model
    write = _write_sizes if name else _write_usual_sizes
    text = write(model.card.name, model.version, name, sizes)
    return [text, *tensors], len(text)


def _write_lists(answered: Answered, name: str) -> tuple[list[memoryview | bytes], int | None]:
    """At least one output is wanted as a list."""
    outputs, tensors = [], list[memoryview | bytes]()
    for output, array in answered.outputs:
        if output.binary:
            tensors.append(to_binary(array))
            size = memoryview(tensors[-1]).nbytes
            outputs.append(_tensor_entry(output.name, NAMES[array.dtype], array.shape, size))
        else:
            data = to_list(array)
            outputs.append({"name": output.name, "datatype": NAMES[array.dtype], "shape": array.shape, "data": data})
    text = _write(answered.model.card.name, answered.model.version, name, outputs)
    return [text, *tensors], len(text) if tensors else None


Sizes = tuple[tuple[str, str, tuple[int, ...], int], ...]
"""Name, datatype, shape and bytes of each output."""


def _write_sizes(model: str, version: str, name: str, sizes: Sizes) -> bytes:
    return _write(model, version, name, [_tensor_entry(*entry) for entry in sizes])


_write_usual_sizes = lru_cache(_REMEMBERED)(_write_sizes)


def _write(model: str, version: str, name: str, outputs: list[dict[str, Any]]) -> bytes:
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if name:
        answer["id"] = name
    answer["outputs"] = outputs
    return json.dumps(answer, separators=(",", ":")).encode()


def _tensor_entry(name: str, datatype: str, shape: tuple[int, ...], size: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


class _Input(NamedTuple):
    name: str
    datatype: str
    shape: tuple[int, ...]
    size: int | None
    """Bytes behind the JSON; None: `data` has the elements."""
    data: list[Any]


class _Described(NamedTuple):
    """A request without what lies behind its JSON."""

    inputs: tuple[_Input, ...]
    outputs: tuple[Output, ...]
    binary: bool
    id: str
    schedule: Schedule


def _described(text: bytes) -> _Described:
    data = _object(parsed(text), "the request")
    parameters = _object(data.get("parameters", {}), "parameters")
    binary = parameters.get("binary_data_output", False) is True
    name = data.get("id", "")
    if not isinstance(name, str) or len(name) > MAX_ID_LENGTH:
        raise Refused("invalid", f"id is a string of at most {MAX_ID_LENGTH} characters")
    return _Described(
        tuple([_input(_object(entry, "inputs")) for entry in _list(data.get("inputs"), "inputs")]),
        tuple([_output(entry, binary) for entry in _list(data.get("outputs", []), "outputs")]),
        binary,
        name,
        schedule_of(parameters),
    )


_remembered = lru_cache(_REMEMBERED)(_described)


def _tensors(inputs: tuple[_Input, ...], data: memoryview) -> tuple[Tensor, ...]:
    """Those in binary lie one after the other in `data`, which they fill."""
    tensors, at = [], 0
    for name, datatype, shape, size, elements in inputs:
        if size is None:
            array = from_list(name, datatype, shape, elements)
        elif size > len(data) - at:
            raise Refused("invalid", f"{name}: binary_data_size is {size}, and {len(data) - at} bytes are left")
        else:
            array = from_binary(name, datatype, shape, data[at : at + size])
            at += size
        tensors.append(Tensor(name, datatype, array))
    if at != len(data):
        raise Refused("invalid", f"{len(data)} bytes follow the JSON, and the inputs have {at} of them")
    return tuple(tensors)


def _input(entry: dict[str, Any]) -> _Input:
    name, datatype = _text(entry, "name"), _text(entry, "datatype")
    shape = checked_shape(name, _list(entry.get("shape"), f"{name}: shape"))
    size = _object(entry.get("parameters", {}), f"{name}: parameters").get("binary_data_size")
    if size is None:
        return _Input(name, datatype, shape, None, _list(entry.get("data"), f"{name}: data"))
    if type(size) is not int or size < 0 or "data" in entry:
        raise Refused("invalid", f"{name}: binary_data_size must be a number of bytes, without data beside it")
    return _Input(name, datatype, shape, size, [])


def _output(entry: object, binary: bool) -> Output:
    output = _object(entry, "outputs")
    parameters = _object(output.get("parameters", {}), "outputs: parameters")
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise Refused("invalid", "outputs: classification is a number of classes")
    wanted = parameters.get("binary_data", binary)
    return Output(_text(output, "name"), wanted is True, classes)


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("invalid", f"{what}: must be an object")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refused("invalid", f"{what}: must be a list")
    if what in ("inputs", "outputs") and len(value) > MAX_TENSORS:
        raise Refused("invalid", f"{what}: at most {MAX_TENSORS}")
    return value


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise Refused("invalid", f"{key}: must be a string")
    return value
