"""The JSON of an inference request, and of its answer, with the tensors behind it (binary tensor data extension)."""

import json
from typing import Any

from inference.serving.refusal import Refused
from inference.serving.v2.asked import Answered, Asked, Output, Tensor, schedule_of
from inference.serving.v2.datatypes import NAMES
from inference.serving.v2.tensors import checked_shape, from_binary, from_list, to_binary, to_list

MAX_JSON_BYTES = 8 << 20
"""Lists of Python objects take ten to twenty times their text; who has more sends it in binary."""
MAX_ID_LENGTH = 1024
MAX_TENSORS = 256


def read_request(body: bytes, json_bytes: int | None) -> Asked:
    """The request whose JSON is the first `json_bytes` of `body` (None: all of it).

    Raises Refused.
    """
    length = len(body) if json_bytes is None else json_bytes
    if not 0 <= length <= len(body):
        raise Refused("invalid", f"Inference-Header-Content-Length is {length}, and the body {len(body)} bytes")
    if length > MAX_JSON_BYTES:
        raise Refused("too_large", f"the JSON is over {MAX_JSON_BYTES} bytes: send large tensors in binary")
    data = _object(parsed(body[:length] if length < len(body) else body), "the request")
    parameters = _object(data.get("parameters", {}), "parameters")
    binary = parameters.get("binary_data_output", False)
    name = data.get("id", "")
    if not isinstance(name, str) or len(name) > MAX_ID_LENGTH:
        raise Refused("invalid", f"id is a string of at most {MAX_ID_LENGTH} characters")
    return Asked(
        _tensors(_list(data.get("inputs"), "inputs"), memoryview(body)[length:]),
        tuple([_output(output, binary is True) for output in _list(data.get("outputs", []), "outputs")]),
        binary is True,
        name,
        schedule_of(parameters),
    )


def parsed(text: bytes) -> Any:
    """JSON as data. Raises Refused, also for what is nested without end and for numbers of thousands of digits."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("invalid", f"the body is no JSON: {error}") from None


def write_answer(answered: Answered, name: str) -> tuple[list[memoryview | bytes], int | None]:
    """The body's parts, and the length of its JSON where tensors follow."""
    outputs, tensors = [], list[memoryview | bytes]()
    for output, array in answered.outputs:
        described: dict[str, Any] = {
            "name": output.name,
            "datatype": NAMES[array.dtype],
            "shape": array.shape,
        }
        if output.binary:
            data = to_binary(array)
            tensors.append(data)
            described["parameters"] = {"binary_data_size": memoryview(data).nbytes}
        else:
            described["data"] = to_list(array)
        outputs.append(described)
    answer: dict[str, Any] = {"model_name": answered.model.card.name, "model_version": answered.model.version}
    if name:
        answer["id"] = name
    answer["outputs"] = outputs
    text = json.dumps(answer, separators=(",", ":")).encode()
    return [text, *tensors], len(text) if tensors else None


def _tensors(inputs: list[Any], data: memoryview) -> tuple[Tensor, ...]:
    """The inputs; those in binary lie one after the other in `data`, which they fill."""
    tensors, at = [], 0
    for entry in inputs:
        tensor, size = _tensor(_object(entry, "inputs"), data[at:])
        tensors.append(tensor)
        at += size
    if at != len(data):
        raise Refused("invalid", f"{len(data)} bytes follow the JSON, and the inputs have {at} of them")
    return tuple(tensors)


def _tensor(entry: dict[str, Any], data: memoryview) -> tuple[Tensor, int]:
    """The tensor, and how many bytes of `data` are its."""
    name, datatype = _text(entry, "name"), _text(entry, "datatype")
    shape = checked_shape(name, _list(entry.get("shape"), f"{name}: shape"))
    parameters = _object(entry.get("parameters", {}), f"{name}: parameters")
    size = parameters.get("binary_data_size")
    if size is None:
        return Tensor(name, datatype, from_list(name, datatype, shape, _list(entry.get("data"), f"{name}: data"))), 0
    if type(size) is not int or not 0 <= size <= len(data):
        raise Refused("invalid", f"{name}: binary_data_size is {str(size)[:32]}, and {len(data)} bytes are left")
    if "data" in entry:
        raise Refused("invalid", f"{name}: either data or binary_data_size")
    return Tensor(name, datatype, from_binary(name, datatype, shape, data[:size])), size


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
