"""Tokens and roles over HTTP and gRPC; who may change what without them; slow and too many clients."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from ruamel.yaml import YAML

from inference.metrics import CONNECTIONS_CUT
from inference.serving.access import OPEN, Access
from inference.serving.edge import ADMIN
from inference.serving.refusal import Refused
from inference.serving.v2.grpc_server import ADMIN as ADMIN_METHODS
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from tests.inference.guard.pictures import png
from tests.inference.serving.edge import Served, colours, edge
from tests.waiting import until, until_async
from vedette.__main__ import main
from vedette.config.listen_settings import Address
from vedette.config.serving_settings import Serving
from vedette.fleet.worker_addresses import WorkerAddress

INFER, CHANGE = "infer-" + "x" * 40, "admin-" + "y" * 40
TOKENS = [
    {"name": "shop", "sha256": hashlib.sha256(INFER.encode()).hexdigest()},
    {"name": "ops", "sha256": hashlib.sha256(CHANGE.encode()).hexdigest(), "role": "admin"},
]
KEPT = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
"""Of a client that keeps its connection."""
DETECT, LOAD = "/v1/models/colours:detect", "/v2/repository/models/colours/load"
PICTURE = png(np.zeros((8, 8, 3), np.uint8))
READY = "ModelReady", oip.ModelReadyRequest(name="colours"), oip.ModelReadyResponse
LOADING = "RepositoryModelLoad", oip.RepositoryModelLoadRequest(model_name="other"), oip.RepositoryModelLoadResponse


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def code(served: Served, call: tuple[str, Any, Any], token: str | None) -> grpc.StatusCode:
    """Of a gRPC call."""
    name, request, answer = call
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        method = channel.unary_unary(
            f"/inference.GRPCInferenceService/{name}", type(request).SerializeToString, answer.FromString
        )
        try:
            await method(request, metadata=metadata, timeout=90)
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK


async def test_with_tokens_each_call_needs_one_and_changes_need_admin(tmp_path: Path) -> None:
    async with edge(colours(tmp_path), {"tokens": TOKENS}) as served:
        for headers in ({}, bearer("wrong"), bearer(""), {"Authorization": f"Basic {INFER}"}, {"Authorization": INFER}):
            answer = await served.post(DETECT, PICTURE, headers)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert (await served.post(LOAD, b"", headers)).status == 401
            assert (await served.ask("GET", "/v2/models/colours", headers=headers)).status == 401
        for token in (INFER, CHANGE):
            assert (await served.post(DETECT, PICTURE, bearer(token))).status == 200
        assert (await served.post(LOAD, b"", bearer(INFER))).status == 403
        assert (await served.post(LOAD, b"", bearer(CHANGE))).status == 400, "let in, and asks for no version"
        for path in ("/healthz", "/v2/health/live", "/metrics"):
            assert (await served.ask("GET", path)).status == 200


async def test_grpc_takes_the_same_tokens_in_its_metadata(tmp_path: Path) -> None:
    codes = grpc.StatusCode
    async with edge(colours(tmp_path), {"tokens": TOKENS}) as served:
        assert await code(served, READY, None) is codes.UNAUTHENTICATED
        assert await code(served, READY, "wrong") is codes.UNAUTHENTICATED
        assert await code(served, READY, INFER) is codes.OK
        assert await code(served, LOADING, INFER) is codes.PERMISSION_DENIED
        assert await code(served, LOADING, CHANGE) is codes.NOT_FOUND, "let in, and there is no such model"
        live = ("ServerLive", oip.ServerLiveRequest(), oip.ServerLiveResponse)
        assert await code(served, live, None) is codes.OK
        async with grpc.aio.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
            stream = channel.stream_stream(
                "/inference.GRPCInferenceService/ModelStreamInfer",
                oip.ModelInferRequest.SerializeToString,
                oip.ModelStreamInferResponse.FromString,
            )(timeout=90)
            await stream.done_writing()
            assert await stream.code() is codes.UNAUTHENTICATED


async def test_metrics_are_closed_by_choice(tmp_path: Path) -> None:
    async with edge(colours(tmp_path), {"tokens": TOKENS, "metrics": "infer"}) as served:
        assert (await served.ask("GET", "/metrics")).status == 401
        assert (await served.ask("GET", "/metrics", headers=bearer(INFER))).status == 200
        assert (await served.ask("GET", "/healthz")).status == 200


async def test_without_tokens_changes_are_for_loopback_alone(tmp_path: Path) -> None:
    async with edge(colours(tmp_path), host="0.0.0.0") as served:
        assert (await served.post(DETECT, PICTURE)).status == 200
        assert (await served.post(LOAD)).status == 403
        assert (await served.ask("PUT", "/api/v1/rollouts/colours", b"{}")).status == 403
        assert await code(served, LOADING, None) is grpc.StatusCode.PERMISSION_DENIED
    async with edge(colours(tmp_path)) as served:
        assert (await served.post(LOAD)).status == 400
        assert (await served.post(LOAD, b"", {"Origin": "https://evil.example"})).status == 403
        assert (await served.post(LOAD, b"", {"Host": "rebound.example"})).status == 403
        assert (await served.post(LOAD, b"", {"Origin": f"http://127.0.0.1:{served.port}"})).status == 400


async def test_every_route_that_changes_something_is_known_as_one(tmp_path: Path) -> None:
    """Whoever adds a route with a verb that changes decides here what it is."""
    harmless = {"/v2/repository/index", "/api/v1/detect"}
    async with edge(colours(tmp_path), {"tokens": TOKENS}) as served:
        routes = {(route.method, route.path) for service in served.services for route in service.routes}
    assert routes >= ADMIN
    assert {path for _, path in routes} | {"/healthz", "/readyz"} >= OPEN
    changing = {
        (method, path)
        for method, path in routes
        if method not in ("GET", "HEAD") and not path.endswith((":detect", "/infer")) and path not in harmless
    }
    assert changing == {(method, path) for method, path in ADMIN if method != "GET"}
    assert {"RepositoryModelLoad", "RepositoryModelUnload"} == ADMIN_METHODS


def test_the_command_makes_a_token_that_its_configuration_lets_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "ops", "--role", "admin"]) == 0
    text = capsys.readouterr().out
    token = text.partition("Authorization: Bearer ")[2].split()[0]
    serving = Serving.model_validate(YAML(typ="safe", pure=True).load(text)["serving"])
    anywhere = Address(host="0.0.0.0", port=0)
    access = Access(serving, WorkerAddress(anywhere, anywhere))
    access.check(f"bearer {token}", admin=True)
    with pytest.raises(Refused):
        access.check(f"Bearer {serving.tokens[0].sha256}", admin=False)
    assert main(["token", "Not an id"]) == 2


def test_two_tokens_of_one_name_or_digest_are_a_mistake() -> None:
    for twice in ({"name": "shop"}, {"sha256": TOKENS[0]["sha256"]}):
        with pytest.raises(ValueError, match="two tokens"):
            Serving.model_validate({"tokens": [TOKENS[0], {**TOKENS[1], **twice}]})


@asynccontextmanager
async def raw(served: Served, data: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that sends these bytes, and then only what the test says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(data)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server ends the connection; nothing, where who goes on sending is told by a reset."""
    try:
        return await asyncio.wait_for(reader.read(), 90)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\nHost: a\r\n", KEPT + b"GET / HTTP/1.1\r\n"])
async def test_a_header_that_does_not_come_whole_ends_the_connection(tmp_path: Path, sent: bytes) -> None:
    count = cut("header")
    async with edge(colours(tmp_path), {"header_s": 0.3}) as served, raw(served, sent) as (reader, writer):
        trickle = asyncio.create_task(drip(writer, b"X-A: 1\r\n" if sent else b""))
        answer = await ended(reader)
        assert b"408 Request Timeout" in answer or (sent and not answer)
        assert cut("header") == count + 1
        trickle.cancel()
        assert (await served.ask("GET", "/healthz")).status == 200


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """A little again and again, as slowloris does: activity is no excuse."""
    while data and not writer.is_closing():
        writer.write(data)
        await asyncio.sleep(0.05)


async def test_a_body_that_comes_too_slowly_is_cut(tmp_path: Path) -> None:
    head = f"POST {DETECT} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n".encode()
    async with edge(colours(tmp_path), {"header_s": 0.5, "least_kib_s": 64}) as served:
        async with raw(served, head) as (reader, writer):
            trickle = asyncio.create_task(drip(writer, b"x"))
            answer = await ended(reader)
            assert b"408 " in answer or not answer
            trickle.cancel()
        assert (await served.post(DETECT, PICTURE)).status == 200


async def test_a_client_that_takes_no_answer_is_cut(tmp_path: Path) -> None:
    """It asks for more than the sockets' buffers hold, and reads none of it."""
    request = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 500
    async with edge(colours(tmp_path), {"header_s": 0.5}) as served:
        assert len(await (await served.session.get(f"{served.url}/metrics")).read()) > 10_000
        async with raw(served, request):
            count = cut("answer")
            await until(lambda: cut("answer") > count, "it is cut")


def cut(reason: str) -> float:
    return float(CONNECTIONS_CUT.labels(reason)._value.get())


async def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    async with edge(colours(tmp_path), {"idle_s": 0.2}) as served, raw(served, KEPT) as (reader, _):
        assert b" 200 OK" in await ended(reader)


async def test_connections_are_counted_and_bounded(tmp_path: Path) -> None:
    async with edge(colours(tmp_path), {"connections": 2}) as served:
        async with raw(served, b"GET ") as (first, _), raw(served, b"GET "):
            assert not first.at_eof()
            async with raw(served, KEPT) as (third, _):
                assert b"503 " in await ended(third)

        async def free() -> bool:
            try:
                return (await served.ask("GET", "/healthz")).status == 200
            except OSError:
                return False

        await until_async(free, "there is room again")


async def test_requests_and_their_bytes_are_bounded(tmp_path: Path) -> None:
    head = f"POST {DETECT} HTTP/1.1\r\nHost: a\r\nContent-Length: 700000\r\n\r\n".encode()
    async with edge(colours(tmp_path), {"requests": 1, "bodies_mib": 1}, request_mib=2) as served:
        async with raw(served, head + b"x" * 600_000) as (reader, writer):
            await until(lambda: served.load.bytes > 500_000, "most of it is there")
            answer = await served.post(DETECT, PICTURE)
            assert (answer.status, answer.headers["Retry-After"], "under way" in answer.json["error"]) == (
                503,
                "2",
                True,
            )
            writer.write(b"x" * 100_000)
            assert b"415 " in await reader.readline()
        await until(lambda: served.load.bytes == 0, "its bytes are given back")
        answer = await served.ask("POST", DETECT, BytesIO(b"x" * 1_100_000), chunked=True)
        assert (answer.status, "memory" in answer.json["error"]) == (503, True)
        assert (await served.post(DETECT, PICTURE)).status == 200
