"""gRPC calls that change something, for the audit log."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import unquote

from google.protobuf.message import Message

from inference.serving.http import STATUS
from inference.serving.refusal import Refused
from vedette.audit.message import outcome_of

Call = Callable[[Any, Any], Awaitable[Message]]
"""Of a request and its context."""


class Note(Protocol):
    """Told when a call has ended."""

    def __call__(
        self, authorization: str, address: str | None, action: str, target: str | None, outcome: str, /
    ) -> None: ...


def noted(method: str, call: Call, note: Note) -> Call:
    """`call`, noted when it has ended; its target is the request's `model_name`."""

    async def serve(request: Any, context: Any) -> Message:
        outcome = "failed"
        try:
            answer = await call(request, context)
            outcome = "done"
            return answer
        except Refused as error:
            outcome = outcome_of(STATUS[error.kind])
            raise
        finally:
            note_call(note, method, context, request.model_name, outcome)

    return serve


def note_call(note: Note, method: str, context: Any, target: str | None, outcome: str) -> None:
    """Note a call of who its context says."""
    details = dict(context.invocation_metadata() or ())
    note(str(details.get("authorization", "")), _host(context.peer()), method, target, outcome)


def _host(peer: str) -> str:
    """Of `ipv4:127.0.0.1:53124` or `ipv6:%5B::1%5D:53124`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")
