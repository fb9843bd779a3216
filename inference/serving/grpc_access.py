"""Tokens in the metadata of gRPC calls. Apart from `access.py`, since importing grpc takes 0.2 s."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import grpc

from inference.serving.refusal import Refused
from inference.serving.v2.grpc_server import CODES

OPEN = frozenset({"ServerLive", "ServerReady"})
"""Methods that need no token."""
_Check = Callable[[str, bool], None]
_Handler = Any
"""grpc.RpcMethodHandler, which takes no types at run time."""


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Refuses before a request is read."""

    def __init__(self, check: _Check, admin: Collection[str]) -> None:
        """`admin` are the methods that change something."""
        self._check = check
        self._admin = admin

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        """The method's own handler, or one that refuses."""
        method = handler_call_details.method.rpartition("/")[2]
        handler = await continuation(handler_call_details)
        if method in OPEN or handler is None:
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        try:
            self._check(str(metadata.get("authorization", "")), method in self._admin)
        except Refused as error:
            return _refusing(handler, error)
        return handler


def _refusing(handler: _Handler, error: Refused) -> _Handler:
    async def unary(request: Any, context: Any) -> Any:
        await context.abort(CODES[error.kind], str(error))

    async def stream(requests: Any, context: Any) -> None:
        await context.abort(CODES[error.kind], str(error))

    if handler.request_streaming:
        return grpc.stream_stream_rpc_method_handler(stream, handler.request_deserializer, handler.response_serializer)
    return grpc.unary_unary_rpc_method_handler(unary, handler.request_deserializer, handler.response_serializer)
