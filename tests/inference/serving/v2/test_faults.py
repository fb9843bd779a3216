"""Clients that go, stall, come in crowds or send nonsense."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference import metrics
from inference.runtime import loaded_model
from inference.runtime.rows import Row, TensorSpec
from inference.serving import http
from inference.serving.limits import Limits
from inference.serving.load import Load
from inference.serving.refusal import Refused
from inference.serving.v2.grpc_server import SERVICE
from inference.serving.v2.json_body import read_request
from inference.serving.v2.protobuf import google_rpc_pb2 as rpc
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from tests.inference.serving.models import colours
from tests.inference.serving.server import Server, serving
from tests.waiting import until

INFER = "/v2/models/colours/infer"


class Gate:
    """Stands in for the model of `colours`: each run waits while it is shut, and takes `row_s` a row."""

    device = "cpu"
    batched = True
    inputs = (TensorSpec("images", np.dtype(np.uint8), (4, 4, 3)),)
    outputs = (TensorSpec("scores", np.dtype(np.float32), (3,)),)

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.row_s = 0.0
        self.rows = 0
        """That were run."""
        self._lock = threading.Lock()

    def run(self, batch: Sequence[NDArray[Any]]) -> Sequence[Row]:
        assert self.opened.wait(60)
        time.sleep(self.row_s * len(batch[0]))
        with self._lock:
            self.rows += len(batch[0])
        return [(np.zeros(3, np.float32),)] * len(batch[0])

    def shut(self) -> None:
        self.opened.clear()
        self.rows = 0


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: gate)
    yield gate
    gate.opened.set()


def pictures(count: int, **parameters: object) -> tuple[bytes, dict[str, str]]:
    tensor = {
        "name": "images",
        "datatype": "UINT8",
        "shape": [count, 4, 4, 3],
        "parameters": {"binary_data_size": 48 * count},
    }
    head = json.dumps({"inputs": [tensor], "parameters": parameters}).encode()
    return head + bytes(48 * count), {"Inference_Header_Content_Length": str(len(head))}


def held(server: Server) -> int:
    """Rows that wait or run."""
    return len(server.plane.stable.tensors.batcher._held["request"])


async def ask(server: Server, count: int, **parameters: object) -> tuple[int, Any, Any]:
    data, headers = pictures(count, **parameters)
    return await server.post_for_headers(INFER, data, **headers)


async def test_of_eight_callers_four_go_and_the_other_four_are_answered(tmp_path: Path, gate: Gate) -> None:
    async with serving(colours(tmp_path)) as server:
        gate.shut()
        callers = [asyncio.create_task(ask(server, 4)) for _ in range(8)]
        await until(lambda: held(server) == 32, "all wait")
        for caller in callers[::2]:
            caller.cancel()
        await until(lambda: held(server) == 16, "the rows of those who went have left the queue")
        gate.opened.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(answer) for answer in answers[::2]] == [asyncio.CancelledError] * 4
        assert [answer[0] for answer in answers[1::2] if not isinstance(answer, BaseException)] == [200] * 4
        assert gate.rows <= 16 + 2 * 8, "of those who went no row is run that was not running"


async def test_when_the_lane_is_full_all_others_are_refused_at_once(tmp_path: Path, gate: Gate) -> None:
    async with serving(colours(tmp_path)) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        gate.shut()
        callers = [asyncio.create_task(ask(server, 128)) for _ in range(4)]
        await until(lambda: held(server) == 512, "the lane is full")
        status, answer, headers = await ask(server, 1)
        assert (status, answer["error"]) == (503, "the request lane holds 512 rows")
        assert int(headers["Retry-After"]) >= 1

        call: Callable[..., Awaitable[Any]] = channel.unary_unary(
            f"/{SERVICE}/ModelInfer", lambda message: message.SerializeToString(), oip.ModelInferResponse.FromString
        )
        image = oip.ModelInferRequest.InferInputTensor(name="images", datatype="UINT8", shape=[1, 4, 4, 3])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(oip.ModelInferRequest(model_name="colours", inputs=[image], raw_input_contents=[bytes(48)]))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        metadata = dict(caught.value.trailing_metadata() or ())
        told = rpc.Status.FromString(bytes(metadata["grpc-status-details-bin"]))
        assert (told.code, told.details[0].type_url) == (8, "type.googleapis.com/google.rpc.RetryInfo")
        assert int(metadata["grpc-retry-pushback-ms"]) >= 0

        gate.opened.set()
        assert [(await caller)[0] for caller in callers] == [200] * 4


async def test_256_callers_at_once_are_served_in_time_or_refused(tmp_path: Path, gate: Gate) -> None:
    """A row takes 10 ms, two run at once, and nobody waits longer than 0.3 s: at most some 60 of 256 are served."""
    gate.row_s = 0.01
    async with serving(colours(tmp_path)) as server:
        asking = [ask(server, 1, timeout=300_000) for _ in range(256)]
        answers = await asyncio.gather(*asking)
    statuses = [status for status, _, _ in answers]
    assert set(statuses) <= {200, 503, 504}
    assert statuses.count(503) > 0
    assert all(int(headers["Retry-After"]) >= 1 for status, _, headers in answers if status == 503)


async def test_what_is_late_is_refused_or_served_after_all_others_as_the_client_says(
    tmp_path: Path, gate: Gate
) -> None:
    async with serving(colours(tmp_path)) as server:
        gate.shut()
        running = [asyncio.create_task(ask(server, 8)) for _ in range(2)]
        await until(lambda: held(server) == 16, "both sessions have work")
        patient = asyncio.create_task(ask(server, 1, timeout=1, timeout_action="delay"))
        hurried = asyncio.create_task(ask(server, 1, timeout=1))
        status, answer, _ = await hurried
        assert status in (503, 504), answer
        assert not patient.done()
        gate.opened.set()
        assert (await patient)[0] == 200
        await asyncio.gather(*running)


async def test_a_client_that_does_not_send_its_body_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "Load", partial(Load, grace_s=0.05))
    async with serving(colours(tmp_path)) as server:
        await sends_no_body(server)


async def sends_no_body(server: Server) -> None:
    host, _, port = server.http.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + bytes(10))
    async with asyncio.timeout(90):
        answer = await reader.readuntil(b"\r\n")
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        await reader.read()  # and the connection is closed
    writer.close()
    await writer.wait_closed()


async def test_a_request_for_a_model_that_is_not_loaded_yet_is_503(tmp_path: Path, gate: Gate) -> None:
    async with serving(colours(tmp_path)) as server:
        await server.plane.close(grace_s=1)
        status, answer, headers = await ask(server, 1)
        assert (status, "not ready" in answer["error"]) == (503, True)
        assert headers["Retry-After"]
        assert (await server.get("/v2/health/ready"))[0] == 503
        assert (await server.get("/v2/models/colours"))[0] == 503


async def test_requests_are_counted_by_how_they_ended(tmp_path: Path, gate: Gate) -> None:
    def counted(status: str) -> float:
        return float(metrics.REQUESTS.labels("colours", "1.0.0", "http", status)._value.get())

    async with serving(colours(tmp_path), limits=Limits(timeout_s=60)) as server:
        before = {status: counted(status) for status in ("ok", "invalid", "cancelled")}
        assert (await ask(server, 1))[0] == 200
        assert (await server.post(INFER, b"{"))[0] == 400
        gate.shut()
        gone = asyncio.create_task(ask(server, 1))
        await until(lambda: held(server) == 1, "it waits")
        gone.cancel()
        await until(lambda: counted("cancelled") > before["cancelled"], "it is counted")
        assert {status: counted(status) - before[status] for status in before} == {
            "ok": 1,
            "invalid": 1,
            "cancelled": 1,
        }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "data", "shape"]), inner),
    max_leaves=8,
)
TENSOR = st.fixed_dictionaries(
    {"name": st.just("x") | JSON, "datatype": st.sampled_from(["FP32", "BYTES", "UINT8", "BOOL", ""]) | JSON},
    optional={
        "shape": st.lists(st.integers(-1, 3) | st.integers(), max_size=3) | JSON,
        "data": JSON,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 40) | JSON}) | JSON,
    },
)
REQUEST = st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR, max_size=2) | JSON},
    optional={"outputs": JSON, "id": JSON, "parameters": JSON},
)


@given(REQUEST, st.binary(max_size=40), st.integers(-3, 3))
def test_whatever_is_sent_is_read_or_refused(request: object, data: bytes, off: int) -> None:
    head = json.dumps(request).encode()
    try:
        read_request(head + data, len(head) + (off if off > 1 else 0))
    except Refused as error:
        assert error.kind in ("invalid", "too_large")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        read_request(data, None)
