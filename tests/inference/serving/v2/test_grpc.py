"""The protocol over gRPC as it is written down, with the bare stub of grpcio."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from inference.serving.limits import Limits
from inference.serving.v2.grpc_server import SERVICE, GrpcV2, serve_grpc
from inference.serving.v2.protobuf import generate
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from inference.serving.v2.repository import ModelControl
from tests.inference.serving.models import KINDS, echo, words
from tests.inference.serving.server import Server, serving
from vedette.config.listen_settings import Address
from vedette.errors import StartFailed

Input = oip.ModelInferRequest.InferInputTensor


async def call(server: Server, method: str, request: Message, answer: type[Message], timeout: float = 60) -> Any:
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        stub: Callable[..., Awaitable[Any]] = channel.unary_unary(
            f"/{SERVICE}/{method}", lambda message: message.SerializeToString(), answer.FromString
        )
        return await stub(request, timeout=timeout)


async def infer(server: Server, request: oip.ModelInferRequest, timeout: float = 60) -> oip.ModelInferResponse:
    answer: oip.ModelInferResponse = await call(server, "ModelInfer", request, oip.ModelInferResponse, timeout)
    return answer


def picture(**more: Any) -> oip.ModelInferRequest:
    tensor = Input(name="images", datatype="UINT8", shape=[1, 4, 4, 3])
    return oip.ModelInferRequest(
        **{"model_name": "colours", "inputs": [tensor], "raw_input_contents": [bytes(48)]} | more
    )


async def test_health_and_metadata_say_what_is_served(colour_server: Server) -> None:
    server = colour_server
    assert (await call(server, "ServerLive", oip.ServerLiveRequest(), oip.ServerLiveResponse)).live
    assert (await call(server, "ServerReady", oip.ServerReadyRequest(), oip.ServerReadyResponse)).ready
    named = oip.ModelReadyRequest(name="colours", version="1.0.0")
    assert (await call(server, "ModelReady", named, oip.ModelReadyResponse)).ready
    about = await call(server, "ServerMetadata", oip.ServerMetadataRequest(), oip.ServerMetadataResponse)
    assert about.name == "vedette"
    model = await call(server, "ModelMetadata", oip.ModelMetadataRequest(name="colours"), oip.ModelMetadataResponse)
    assert [list(model.versions), list(model.inputs[0].shape)] == [["1.0.0"], [-1, 4, 4, 3]]
    index = await call(server, "RepositoryIndex", oip.RepositoryIndexRequest(), oip.RepositoryIndexResponse)
    assert [(entry.name, entry.version, entry.state) for entry in index.models] == [("colours", "1.0.0", "READY")]


async def test_raw_contents_are_answered_raw(colour_server: Server) -> None:
    answer = await infer(colour_server, picture(id="42", raw_input_contents=[bytes([1, 2, 3] * 16)]))
    assert (answer.model_name, answer.model_version, answer.id) == ("colours", "1.0.0", "42")
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [1, 2, 3]
    assert (answer.outputs[0].name, list(answer.outputs[0].shape)) == ("scores", [1, 3])
    assert not answer.outputs[0].HasField("contents")


async def test_typed_contents_are_answered_typed(tmp_path: Path) -> None:
    async with serving(words(tmp_path)) as server:
        tensor = Input(name="text", datatype="BYTES", shape=[1, 2])
        tensor.contents.bytes_contents.extend(["grüße".encode(), b""])
        answer = await infer(server, oip.ModelInferRequest(model_name="words", inputs=[tensor]))
        assert answer.outputs[0].contents.bytes_contents == ["grüße".encode(), b""]


async def test_fp16_is_raw_whatever_the_others_are(tmp_path: Path) -> None:
    async with serving(echo(tmp_path)) as server:
        values = {name: np.array([[1, 0, 1]], dtype) for name, dtype in zip(KINDS, "?bHqQefd", strict=True)}
        inputs = [Input(name=f"in_{name}", datatype=name, shape=[1, 3]) for name in KINDS]
        raw = [array.tobytes() for array in values.values()]
        answer = await infer(server, oip.ModelInferRequest(model_name="echo", inputs=inputs, raw_input_contents=raw))
        assert answer.raw_output_contents == raw
        typed = Input(name="in_FP16", datatype="FP16", shape=[1, 3])
        with pytest.raises(grpc.aio.AioRpcError, match="FP16") as caught:
            await infer(server, oip.ModelInferRequest(model_name="echo", inputs=[typed]))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"model_name": "others"}, "NOT_FOUND", "no model 'others'"),
        ({"model_version": "2.0.0"}, "NOT_FOUND", "2.0.0 is not loaded"),
        ({"inputs": []}, "INVALID_ARGUMENT", "1 entries for 0 inputs"),
        ({"raw_input_contents": [bytes(47)]}, "INVALID_ARGUMENT", "48 bytes, not 47"),
        ({"raw_input_contents": []}, "INVALID_ARGUMENT", "48 elements, not 0"),
        ({"inputs": [Input(name="images", datatype="UINT8", shape=[-1])]}, "INVALID_ARGUMENT", "other than lengths"),
        ({"inputs": [Input(name="images", datatype="X", shape=[48])]}, "INVALID_ARGUMENT", "'X' is none of"),
        ({"id": "x" * 2000}, "INVALID_ARGUMENT", "id is a string"),
        (
            {"outputs": [oip.ModelInferRequest.InferRequestedOutputTensor(name="boxes")]},
            "INVALID_ARGUMENT",
            "boxes is no output",
        ),
        ({"parameters": {"timeout": oip.InferParameter(int64_param=-1)}}, "INVALID_ARGUMENT", "timeout"),
        ({"raw_input_contents": [bytes(2 << 20)]}, "RESOURCE_EXHAUSTED", "larger than max"),
    ],
)
async def test_a_wrong_request_is_refused_with_code_and_reason(
    colour_server: Server, changed: dict[str, Any], code: str, says: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await infer(colour_server, picture(**changed))
    assert caught.value.code() == grpc.StatusCode[code], caught.value
    assert says in str(caught.value.details())


async def test_contents_that_are_out_of_range_or_given_twice_are_refused(colour_server: Server) -> None:
    tensor = Input(name="images", datatype="UINT8", shape=[1, 4, 4, 3])
    tensor.contents.uint_contents.extend([256] * 48)
    for raw, says in (([], "out of the range of UINT8"), ([bytes(48)], "either contents or raw_input_contents")):
        with pytest.raises(grpc.aio.AioRpcError, match=says):
            await infer(colour_server, picture(inputs=[tensor], raw_input_contents=raw))


async def test_a_port_that_is_taken_is_one_line_that_names_the_key(colour_server: Server) -> None:
    control = ModelControl(colour_server.plane, may_change=False)
    host, _, port = colour_server.grpc.rpartition(":")
    taken = Address(host=host, port=int(port))
    with pytest.raises(StartFailed, match=rf"listen\.grpc: {taken}: .* choose another port there"):
        async with serve_grpc(GrpcV2(colour_server.plane, control, Limits()), taken, Limits()):
            pass


def test_generated_messages_are_those_of_the_protocol_files() -> None:
    for name, text in generate.generated().items():
        assert (generate.FOLDER / name).read_text() == text, f"{name} is stale: make check says how to renew it"
