"""Messages over gRPC that do not come, are too many bytes in sum, or no messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from inference.serving.v2.grpc_server import SERVICE
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from tests.inference.serving.edge import Served, colours, edge

INFER = f"/{SERVICE}/ModelInfer"


def request(size: int) -> bytes:
    """For one picture; of about so many bytes, though the model takes 48."""
    image = oip.ModelInferRequest.InferInputTensor(name="images", datatype="UINT8", shape=[1, 4, 4, 3])
    asked = oip.ModelInferRequest(model_name="colours", inputs=[image], raw_input_contents=[bytes(size)])
    return asked.SerializeToString()


@asynccontextmanager
async def channel_to(served: Served) -> AsyncIterator[Any]:  # typed by what serialises: bytes here
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        yield channel


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """Its code and text."""
    return await call.code(), await call.details()


async def test_a_call_whose_message_does_not_come_ends_and_gives_its_place_back(tmp_path: Path) -> None:
    """One that only ever begins would keep its place among those under way for ever."""
    async with (
        edge(colours(tmp_path), {"header_s": 0.3, "requests": 1}, timeout_s=0.3) as served,
        channel_to(served) as channel,
    ):
        silent = channel.stream_unary(INFER)()
        assert await refusal(silent) == (grpc.StatusCode.DEADLINE_EXCEEDED, "the message comes too slowly")
        live = channel.unary_unary(f"/{SERVICE}/ServerLive", oip.ServerLiveRequest.SerializeToString)
        answer = await live(oip.ServerLiveRequest(), wait_for_ready=True, timeout=60)
    assert oip.ServerLiveResponse.FromString(answer).live


async def test_messages_are_bounded_in_sum_and_their_bytes_are_given_back(tmp_path: Path) -> None:
    async with (
        edge(colours(tmp_path), {"bodies_mib": 1}, request_mib=4) as served,
        channel_to(served) as channel,
    ):
        for size, code, says in (
            (1_200_000, grpc.StatusCode.RESOURCE_EXHAUSTED, "memory"),
            (900_000, grpc.StatusCode.INVALID_ARGUMENT, "48 bytes"),
            (48, grpc.StatusCode.OK, ""),
        ):
            found, text = await refusal(channel.unary_unary(INFER)(request(size), timeout=60))
            assert (found, says in text) == (code, True), text
        stream = channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")(
            iter([request(1_200_000), b"\xff\xff", request(48)]), timeout=60
        )
        answers = [oip.ModelStreamInferResponse.FromString(answer) async for answer in stream]
        assert served.load.bytes == 0
    assert "memory" in answers[0].error_message
    assert answers[1].error_message == "the message can't be read"
    assert answers[2].infer_response.model_version == "1.0.0"


async def test_what_is_no_message_is_refused(tmp_path: Path) -> None:
    async with edge(colours(tmp_path)) as served, channel_to(served) as channel:
        garbage = await refusal(channel.unary_unary(INFER)(b"\xff\xff", timeout=60))
        empty = await refusal(channel.stream_unary(INFER)(iter([]), timeout=60))
    assert garbage == (grpc.StatusCode.INVALID_ARGUMENT, "the message can't be read")
    assert empty == (grpc.StatusCode.INVALID_ARGUMENT, "the call has no message")
