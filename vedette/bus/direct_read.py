"""What a stream holds, read without a consumer: messages by Direct Get (NATS ADR-31), which the stream has to allow."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable

_SILENT_S = 10.0
_END, _NONE = "204", "404"


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the server keeps it."""

    subject: str
    sequence: int
    stored_at: str
    """RFC 3339, by the server's clock."""
    headers: dict[str, str]
    payload: bytes


async def read_last(bus: Bus, stream: str, subject: str) -> Stored | None:
    """The latest message of one subject.

    Raises:
        BusUnavailable: no connection, no stream, or no answer.
    """
    return await _one(bus, stream, {"last_by_subj": subject})


async def read_at(bus: Bus, stream: str, sequence: int) -> Stored | None:
    """The message at a sequence.

    Raises:
        BusUnavailable: no connection, no stream, or no answer.
    """
    return await _one(bus, stream, {"seq": sequence})


async def read_many(bus: Bus, stream: str, subjects: Sequence[str]) -> dict[str, Stored]:
    """The latest message of each of these subjects (1024 at most) that has one.

    Raises:
        BusUnavailable: no connection, no stream, or no answer.
    """
    if not subjects:
        return {}
    inbox, found = bus.client.new_inbox(), {}
    try:
        subscription = await bus.client.subscribe(inbox)
        try:
            question = {"multi_last": list(subjects)}
            await bus.client.publish(_subject(stream), json.dumps(question).encode(), reply=inbox)
            while not _is_end(stream, message := await subscription.next_msg(_SILENT_S)):
                stored = _stored(message)
                found[stored.subject] = stored
        finally:
            with suppress(NatsError):  # also without a connection: it would be subscribed again with the next one
                await subscription.unsubscribe()
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {describe(error)}") from error
    return found


async def subjects_of(bus: Bus, stream: str, pattern: str) -> list[str]:
    """The subjects that match `pattern` and have messages. The server has them in memory: it reads no message.

    Raises:
        BusUnavailable: no connection, no stream, or no answer.
    """
    subjects: list[str] = []
    while True:
        question = {"subjects_filter": pattern, "offset": len(subjects)}
        try:
            answer = await bus.client.request(
                f"$JS.API.STREAM.INFO.{stream}", json.dumps(question).encode(), timeout=_SILENT_S
            )
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{stream}: {describe(error)}") from error
        said = await asyncio.to_thread(json.loads, answer.data)  # 25 MB where there are 100,000
        if "error" in said:
            raise BusUnavailable(f"{stream}: {said['error'].get('description', 'refused')}")
        subjects += said["state"].get("subjects") or {}
        if len(subjects) >= said.get("total", 0):
            return subjects


async def _one(bus: Bus, stream: str, question: dict[str, object]) -> Stored | None:
    try:
        message = await bus.client.request(_subject(stream), json.dumps(question).encode(), timeout=_SILENT_S)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {describe(error)}") from error
    return None if _is_end(stream, message) else _stored(message)


def _subject(stream: str) -> str:
    return f"$JS.API.DIRECT.GET.{stream}"


def _stored(message: Msg) -> Stored:
    headers = dict(message.headers or {})
    return Stored(
        headers["Nats-Subject"], int(headers["Nats-Sequence"]), headers["Nats-Time-Stamp"], headers, message.data
    )


def _is_end(stream: str, message: Msg) -> bool:
    """Whether it says that there is nothing (more).

    Raises:
        BusUnavailable: it says that the server refuses.
    """
    status = (message.headers or {}).get("Status")
    if status is None or status in (_END, _NONE):
        return status is not None
    raise BusUnavailable(f"{stream}: Direct Get: {status} {(message.headers or {}).get('Description', '')}".rstrip())
