"""Tokens in the metadata of gRPC calls. Apart from `access.py`, since importing grpc takes 0.2 s."""

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

import grpc

from inference.serving.refusal import Refused
from inference.serving.v2.grpc_changes import Note, note_call
from inference.serving.v2.grpc_server import CODES

OPEN = frozenset({"ServerLive", "ServerReady"})
"""Methods that need no token."""
_Check = Callable[[str, bool], None]
_Handler = Any
"""grpc.RpcMethodHandler, which takes no types at run time."""


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Refuses before a request is served."""

    def __init__(self, check: _Check, admin: Collection[str], note: Note | None = None) -> None:
        """`admin` are the methods that change something; calls of theirs that are not let in are noted."""
        self._check = check
        self._admin = admin
        self._note = note

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
        authorization = str(metadata.get("authorization", ""))
        changes = method in self._admin
        try:
            self._check(authorization, changes)
        except Refused as error:
            told = partial(note_call, self._note, method) if changes and self._note is not None else _tell_nobody
            return _refusing(handler, error, told)
        return handler


def _tell_nobody(context: Any, target: str | None, outcome: str) -> None:
    """Of calls that change nothing."""


def _refusing(handler: _Handler, error: Refused, tell: Callable[[Any, str | None, str], None]) -> _Handler:
    """It doesn't wait for the request."""

    async def refuse(_: Any, context: Any) -> None:
        tell(context, None, "refused")
        await context.abort(CODES[error.kind], str(error))

    if handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse, None, handler.response_serializer)
    return grpc.stream_unary_rpc_method_handler(refuse, None, handler.response_serializer)
