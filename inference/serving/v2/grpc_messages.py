"""The protocol's gRPC messages: a request as it is asked, an answer as it is sent."""

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from inference.serving.refusal import Refused
from inference.serving.v2.asked import Answered, Asked, Output, Tensor, schedule_of
from inference.serving.v2.datatypes import NAMES
from inference.serving.v2.json_body import MAX_ID_LENGTH, MAX_TENSORS
from inference.serving.v2.protobuf import google_rpc_pb2 as rpc
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from inference.serving.v2.tensors import checked_shape, from_binary, from_list, strings_of, to_binary

_CONTENTS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    **{f"INT{bits}": "int_contents" for bits in (8, 16, 32)},
    "INT64": "int64_contents",
    **{f"UINT{bits}": "uint_contents" for bits in (8, 16, 32)},
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of each datatype; FP16 has none."""
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def read_request(request: oip.ModelInferRequest) -> Asked:
    """The request that a message is. Raises Refused."""
    if len(request.inputs) > MAX_TENSORS or len(request.outputs) > MAX_TENSORS:
        raise Refused("invalid", f"at most {MAX_TENSORS} inputs and outputs")
    if len(request.id) > MAX_ID_LENGTH:
        raise Refused("invalid", f"id is a string of at most {MAX_ID_LENGTH} characters")
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise Refused("invalid", f"raw_input_contents has {len(raw)} entries for {len(request.inputs)} inputs")
    if raw:
        inputs = [_raw(tensor, data) for tensor, data in zip(request.inputs, raw, strict=True)]
    else:
        inputs = [_typed(tensor) for tensor in request.inputs]
    return Asked(
        tuple(inputs),
        tuple([_output(output) for output in request.outputs]),
        bool(raw) or not inputs,
        request.id,
        schedule_of(parameters_of(request.parameters)),
    )


def write_answer(answered: Answered, asked: Asked) -> oip.ModelInferResponse:
    """The answer, in raw contents or in typed ones, as the request had them; FP16 is raw in any case."""
    model = answered.model
    answer = oip.ModelInferResponse(model_name=model.card.name, model_version=model.version, id=asked.id)
    raw = asked.binary or any(NAMES[array.dtype] not in _CONTENTS for _, array in answered.outputs)
    for output, array in answered.outputs:
        datatype = NAMES[array.dtype]
        tensor = answer.outputs.add(name=output.name, datatype=datatype, shape=array.shape)
        if raw:
            answer.raw_output_contents.append(bytes(to_binary(array)))
        elif datatype == "BYTES":
            tensor.contents.bytes_contents.extend(str(item).encode(errors="replace") for item in array.ravel())
        else:
            getattr(tensor.contents, _CONTENTS[datatype]).extend(array.ravel().tolist())
    return answer


def parameters_of(parameters: Mapping[str, Message]) -> dict[str, Any]:
    """By name, the value that is set."""
    values = {}
    for name, parameter in parameters.items():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is not None:
            values[name] = getattr(parameter, choice)
    return values


def retry_status(code: int, text: str, wait_s: float) -> bytes:
    """A google.rpc.Status that says when to come back."""
    fraction, seconds = math.modf(wait_s)
    delay = rpc.Duration(seconds=int(seconds), nanos=int(fraction * 1e9))
    info = rpc.Any(type_url=_RETRY_INFO, value=rpc.RetryInfo(retry_delay=delay).SerializeToString())
    return rpc.Status(code=code, message=text, details=[info]).SerializeToString()


def _raw(tensor: oip.ModelInferRequest.InferInputTensor, data: bytes) -> Tensor:
    if tensor.HasField("contents"):
        raise Refused("invalid", f"{tensor.name}: either contents or raw_input_contents")
    name, datatype = tensor.name, tensor.datatype
    shape = checked_shape(name, tensor.shape)
    return Tensor(name, datatype, from_binary(name, datatype, shape, memoryview(data)))


def _typed(tensor: oip.ModelInferRequest.InferInputTensor) -> Tensor:
    name, datatype = tensor.name, tensor.datatype
    shape = checked_shape(name, tensor.shape)
    field = _CONTENTS.get(datatype)
    if field is None:
        raise Refused("invalid", f"{name}: {datatype[:32]!r} has no contents; raw_input_contents carry FP16")
    elements = getattr(tensor.contents, field)
    if len(elements) != math.prod(shape):
        raise Refused("invalid", f"{name}: {list(shape)} is {math.prod(shape)} elements, not {len(elements)}")
    if datatype == "BYTES":
        return Tensor(name, datatype, strings_of(name, elements).reshape(shape))
    return Tensor(name, datatype, from_list(name, datatype, shape, list(elements)))


def _output(output: oip.ModelInferRequest.InferRequestedOutputTensor) -> Output:
    classes = parameters_of(output.parameters).get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise Refused("invalid", "outputs: classification is a number of classes")
    return Output(output.name, True, classes)
