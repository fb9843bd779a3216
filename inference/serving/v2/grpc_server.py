"""Open Inference Protocol v2 over gRPC, in the event loop of the process.

A call's one message is read here and not by the library, which would wait for it without an end, the call's place among
those under way taken meanwhile.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from inference.dataplane import DataPlane
from inference.serving.limits import Limits
from inference.serving.load import UNLIMITED, Load
from inference.serving.meter import Meter
from inference.serving.refusal import Kind, Refused
from inference.serving.v2.grpc_changes import Call, Note, noted
from inference.serving.v2.grpc_messages import parameters_of, read_request, retry_status, write_answer
from inference.serving.v2.inference import infer, served
from inference.serving.v2.metadata import model_metadata, server_metadata
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from inference.serving.v2.repository import ModelControl
from vedette.config.listen_settings import Address
from vedette.errors import StartFailed

Context = grpc.aio.ServicerContext[Any, Any]
M = TypeVar("M", bound=Message)
logger = logging.getLogger(__name__)

SERVICE = "inference.GRPCInferenceService"
CODES: Mapping[Kind, grpc.StatusCode] = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "unknown": grpc.StatusCode.NOT_FOUND,
    "too_large": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "late": grpc.StatusCode.DEADLINE_EXCEEDED,
    "overloaded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "failed": grpc.StatusCode.INTERNAL,
    "slow": grpc.StatusCode.DEADLINE_EXCEEDED,
}
ADMIN = frozenset({"RepositoryModelLoad", "RepositoryModelUnload"})
"""Methods that change something."""
STREAM_WINDOW = 8
"""Requests of one stream that are under way; more are not read."""


@asynccontextmanager
async def serve_grpc(
    service: "GrpcV2",
    listen: Address,
    limits: Limits,
    credentials: grpc.ServerCredentials | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> AsyncIterator[Address]:
    """Serve `service` on `listen` while the body runs; yields the real address. Plain text without `credentials`.

    Raises:
        StartFailed: the port is taken.
    """
    options = [
        ("grpc.so_reuseport", 0),  # else two processes share a port, and each gets half of the calls
        ("grpc.max_receive_message_length", limits.body_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", limits.requests),  # of one connection
        ("grpc.max_connection_idle_ms", round(limits.idle_s * 1000)),
        ("grpc.keepalive_time_ms", round(limits.idle_s * 1000)),  # a client that is gone holds its calls no longer
        ("grpc.keepalive_timeout_ms", round(limits.header_s * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.server_handshake_timeout_ms", round(limits.header_s * 1000)),
    ]
    server = grpc.aio.server(options=options, interceptors=list(interceptors), maximum_concurrent_rpcs=limits.requests)
    server.add_generic_rpc_handlers([service.handler])
    try:
        if credentials is None:
            port = server.add_insecure_port(str(listen))
        else:
            port = server.add_secure_port(str(listen), credentials)
    except RuntimeError as error:
        raise StartFailed(f"listen.grpc: {listen}: can't be listened on; choose another port there") from error
    await server.start()
    try:
        yield Address(host=listen.host, port=port)
    finally:
        await server.stop(grace=0.5)


class GrpcV2:
    """The service `inference.GRPCInferenceService`."""

    def __init__(
        self, plane: DataPlane, control: ModelControl, limits: Limits, load: Load = UNLIMITED, note: Note | None = None
    ) -> None:
        """`note` is told of calls that change something."""
        self._plane = plane
        self._control = control
        self._limits = limits
        self._bodies = load
        self._note = note
        self._meter = Meter(plane.name, "grpc")

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """Its methods by name."""
        unary: dict[str, tuple[Call, type[Message]]] = {
            "ModelInfer": (self._infer, oip.ModelInferRequest),
            "ServerLive": (self._live, oip.ServerLiveRequest),
            "ServerReady": (self._ready, oip.ServerReadyRequest),
            "ModelReady": (self._model_ready, oip.ModelReadyRequest),
            "ServerMetadata": (self._server, oip.ServerMetadataRequest),
            "ModelMetadata": (self._model, oip.ModelMetadataRequest),
            "RepositoryIndex": (self._index, oip.RepositoryIndexRequest),
            "RepositoryModelLoad": (self._load, oip.RepositoryModelLoadRequest),
            "RepositoryModelUnload": (self._unload, oip.RepositoryModelUnloadRequest),
        }
        if self._note is not None:
            for name in ADMIN:
                unary[name] = noted(name, unary[name][0], self._note), unary[name][1]
        methods = {name: self._unary(call, kind) for name, (call, kind) in unary.items()}
        methods["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._stream, None, oip.ModelStreamInferResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _infer(self, request: oip.ModelInferRequest, context: Context) -> oip.ModelInferResponse:
        begun = monotonic()
        left_s = context.time_remaining()
        timeout_s = self._limits.timeout_s if left_s is None else min(left_s, self._limits.timeout_s)
        return await self._answer(request, begun, begun + timeout_s)

    async def _answer(self, request: oip.ModelInferRequest, begun: float, deadline: float) -> oip.ModelInferResponse:
        version = ""
        try:
            found = served(self._plane, request.model_name, request.model_version)
            version = found.model.version
            asked = read_request(request)
            answer = write_answer(await infer(found, asked, deadline, self._meter.protocol), asked)
        except Refused as error:
            self._meter.count(version, error.kind, begun)
            raise
        except asyncio.CancelledError:
            self._meter.count(version, "cancelled", begun)
            raise
        self._meter.count(version, "ok", begun)
        return answer

    async def _stream(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answers in the order of the requests; while `STREAM_WINDOW` are under way no more are read."""
        answers = asyncio.Queue[asyncio.Task[oip.ModelStreamInferResponse] | None](STREAM_WINDOW)
        async with asyncio.TaskGroup() as group:
            group.create_task(_write(answers, context))
            async for request in requests:
                await answers.put(group.create_task(self._streamed(request)))
            await answers.put(None)

    async def _streamed(self, data: bytes) -> oip.ModelStreamInferResponse:
        begun, request = monotonic(), oip.ModelInferRequest()
        try:
            with self._bodies.holding(len(data)):
                request = _parsed(oip.ModelInferRequest, data)
                answer = await self._answer(request, begun, begun + self._limits.timeout_s)
        except Exception as error:  # noqa: BLE001 -- the stream goes on
            refused = error if isinstance(error, Refused) else _defect(error)
            empty = oip.ModelInferResponse(model_name=request.model_name[:64], id=request.id[:64])
            return oip.ModelStreamInferResponse(error_message=str(refused), infer_response=empty)
        return oip.ModelStreamInferResponse(infer_response=answer)

    async def _live(self, _: oip.ServerLiveRequest, context: Context) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    async def _ready(self, _: oip.ServerReadyRequest, context: Context) -> oip.ServerReadyResponse:
        return oip.ServerReadyResponse(ready=self._plane.ready)

    async def _model_ready(self, request: oip.ModelReadyRequest, context: Context) -> oip.ModelReadyResponse:
        return oip.ModelReadyResponse(ready=served(self._plane, request.name, request.version).ready)

    async def _server(self, _: oip.ServerMetadataRequest, context: Context) -> oip.ServerMetadataResponse:
        return oip.ServerMetadataResponse(**server_metadata())

    async def _model(self, request: oip.ModelMetadataRequest, context: Context) -> oip.ModelMetadataResponse:
        return oip.ModelMetadataResponse(**model_metadata(self._plane, request.name, request.version))

    async def _index(self, request: oip.RepositoryIndexRequest, context: Context) -> oip.RepositoryIndexResponse:
        models = [oip.RepositoryIndexResponse.ModelIndex(**entry) for entry in self._control.index(request.ready)]
        return oip.RepositoryIndexResponse(models=models)

    async def _load(self, request: oip.RepositoryModelLoadRequest, context: Context) -> oip.RepositoryModelLoadResponse:
        await self._control.load(request.model_name, parameters_of(request.parameters))
        return oip.RepositoryModelLoadResponse()

    async def _unload(
        self, request: oip.RepositoryModelUnloadRequest, context: Context
    ) -> oip.RepositoryModelUnloadResponse:
        await self._control.unload(request.model_name, parameters_of(request.parameters))
        return oip.RepositoryModelUnloadResponse()

    def _unary(self, call: Call, kind: type[Message]) -> "grpc.RpcMethodHandler[Any, Any]":
        """A method whose Refused become status codes."""

        async def handle(_: AsyncIterator[bytes], context: Context) -> Message:
            try:
                data = await self._message(context)
                with self._bodies.holding(len(data)):
                    return await call(_parsed(kind, data), context)
            except Refused as error:
                refused = error
            except Exception as error:  # noqa: BLE001 -- a defect; its text may quote the request: it stays here
                refused = _defect(error)
            code, text = CODES[refused.kind], str(refused)
            return await context.abort(code, text, _retry_metadata(refused, code))  # it raises

        return grpc.stream_unary_rpc_method_handler(handle, None, _serialized)

    async def _message(self, context: Context) -> bytes:
        """The one of a call. Raises Refused."""
        try:
            async with asyncio.timeout(self._limits.message_s):
                data = await context.read()
        except TimeoutError:
            raise Refused("slow", "the message comes too slowly") from None
        if not isinstance(data, bytes):  # the stream has ended
            raise Refused("invalid", "the call has no message")
        return data


def _parsed(kind: type[M], data: bytes) -> M:
    try:
        return kind.FromString(data)
    except DecodeError:
        raise Refused("invalid", "the message can't be read") from None


def _retry_metadata(refused: Refused, code: grpc.StatusCode) -> tuple[tuple[str, str | bytes], ...]:
    """When to come back: for gRPC's own retries, and as google.rpc.RetryInfo."""
    if refused.kind not in ("overloaded", "unavailable"):
        return ()
    return (
        ("grpc-retry-pushback-ms", str(round(refused.wait_s * 1000))),
        ("grpc-status-details-bin", retry_status(code.value[0], str(refused), refused.wait_s)),
    )


def _defect(error: Exception) -> Refused:
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("a gRPC call failed: %s\n%s", type(error).__qualname__, frames)
    return Refused("failed", "internal error; the server's log says where")


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


async def _write(answers: asyncio.Queue[asyncio.Task[oip.ModelStreamInferResponse] | None], context: Context) -> None:
    while (answer := await answers.get()) is not None:
        await context.write(await answer)
