"""`tritonclient`, unmodified: over HTTP and gRPC, synchronous and with asyncio."""

import asyncio
import queue
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from tests.inference.serving.models import words
from tests.inference.serving.server import Server, serving

PICTURES = np.full((2, 4, 4, 3), (10, 30, 20), np.uint8)
SCORES = [[10, 30, 20]] * 2


def asked(library: Any, binary: bool = True) -> tuple[list[Any], list[Any]]:
    image = library.InferInput("images", [2, 4, 4, 3], "UINT8")
    if library is tritonclient.http:
        image.set_data_from_numpy(PICTURES, binary_data=binary)
        return [image], [library.InferRequestedOutput("scores", binary_data=binary)]
    image.set_data_from_numpy(PICTURES)
    return [image], [library.InferRequestedOutput("scores")]


def check(result: Any) -> None:
    scores: NDArray[Any] = result.as_numpy("scores")
    assert scores.dtype == np.float32
    assert scores.tolist() == SCORES


def use(library: Any, url: str) -> None:
    """What a synchronous program does."""
    with library.InferenceServerClient(url) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("colours", "1.0.0")
        for binary in (True, False):
            inputs, outputs = asked(library, binary)
            check(client.infer("colours", inputs, outputs=outputs, request_id="7", timeout=30_000_000, priority=1))
        check(client.infer("colours", inputs))
        top = [library.InferRequestedOutput("scores", class_count=1)]
        best = client.infer("colours", inputs, outputs=top).as_numpy("scores").ravel().tolist()
        assert [item if isinstance(item, str) else item.decode() for item in best] == ["30.0:1:green"] * 2
        with pytest.raises(InferenceServerException, match="no model 'others'"):
            client.infer("others", inputs)
        with pytest.raises(InferenceServerException, match="say which version"):
            client.load_model("colours")


async def test_the_synchronous_http_client(colour_server: Server) -> None:
    await asyncio.to_thread(use, tritonclient.http, colour_server.http)

    def compressed() -> None:
        with tritonclient.http.InferenceServerClient(colour_server.http) as client:
            inputs, outputs = asked(tritonclient.http)
            for algorithm in ("gzip", "deflate"):
                check(
                    client.infer(
                        "colours",
                        inputs,
                        outputs=outputs,
                        request_compression_algorithm=algorithm,
                        response_compression_algorithm=algorithm,
                    )
                )
            check(client.async_infer("colours", inputs).get_result())

    await asyncio.to_thread(compressed)


async def test_the_synchronous_grpc_client(colour_server: Server) -> None:
    await asyncio.to_thread(use, tritonclient.grpc, colour_server.grpc)

    def streamed() -> None:
        answers: queue.Queue[Any] = queue.Queue()
        with tritonclient.grpc.InferenceServerClient(colour_server.grpc) as client:
            client.start_stream(lambda result, error: answers.put((result, error)))
            inputs, _ = asked(tritonclient.grpc)
            for number in range(30):
                client.async_stream_infer("colours" if number != 20 else "others", inputs, request_id=str(number))
            for number in range(30):
                result, error = answers.get(timeout=90)
                if number == 20:
                    assert "no model 'others'" in str(error)
                else:
                    check(result)
                    assert result.get_response().id == str(number)
            client.stop_stream()

    await asyncio.to_thread(streamed)


async def test_the_http_client_for_asyncio(colour_server: Server) -> None:
    async with tritonclient.http.aio.InferenceServerClient(colour_server.http) as client:
        assert await client.is_server_ready()
        assert (await client.get_model_metadata("colours"))["versions"] == ["1.0.0"]
        assert [entry["state"] for entry in await client.get_model_repository_index()] == ["READY"]
        inputs, outputs = asked(tritonclient.http)
        for result in await asyncio.gather(*(client.infer("colours", inputs, outputs=outputs) for _ in range(20))):
            check(result)
        with pytest.raises(InferenceServerException, match=r"\[404\].* is not loaded here"):
            await client.infer("colours", inputs, model_version="3")


async def test_the_grpc_client_for_asyncio(colour_server: Server) -> None:
    async with tritonclient.grpc.aio.InferenceServerClient(colour_server.grpc) as client:
        assert await client.is_model_ready("colours")
        assert (await client.get_server_metadata()).name == "vedette"
        inputs, outputs = asked(tritonclient.grpc)
        for result in await asyncio.gather(*(client.infer("colours", inputs, outputs=outputs) for _ in range(20))):
            check(result)

        async def requests() -> Any:
            for number in range(3):
                yield {"model_name": "colours", "inputs": inputs, "request_id": str(number)}

        async for result, error in client.stream_infer(requests()):
            assert error is None
            check(result)


async def test_strings_pass_both_ways(tmp_path: Path) -> None:
    async with serving(words(tmp_path)) as server:
        text = np.array([["grüße".encode(), b"", b"x" * 1000]], object)

        def use_words(library: Any, url: str) -> None:
            with library.InferenceServerClient(url) as client:
                entry = library.InferInput("text", [1, 3], "BYTES")
                entry.set_data_from_numpy(text)
                assert client.infer("words", [entry]).as_numpy("same").tolist() == text.tolist()

        await asyncio.to_thread(use_words, tritonclient.http, server.http)
        await asyncio.to_thread(use_words, tritonclient.grpc, server.grpc)
