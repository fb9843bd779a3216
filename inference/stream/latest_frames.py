"""Reads the latest frames of cameras: JetStream Direct Get (ADR-31), with `multi_last` for many in one request.

What is asked for while a request is on its way out goes into the next one: a batch of tokens costs one request. One
frame alone is asked for by its subject: the server looks up one message, and sends no end of a batch after it.
"""

import asyncio
import datetime as dt
import json
import logging
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.streams import FRAMES

logger = logging.getLogger(__name__)

MOST_SUBJECTS = 1024
"""The server answers 413 to more."""
_TIMEOUT_S = 2.0
_LAST_LOOK_S = 0.2
_END_OF_BATCH, _NOT_ONE = "204", "404"


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as the server keeps it."""

    jpeg: bytes
    headers: dict[str, str]
    stored_at: dt.datetime
    """By the server's clock."""


Reader = asyncio.Future[StoredFrame | None]
Readers = dict[str, list[Reader]]
"""Who waits for which subject's frame."""


class LatestFrames:
    """`read` is answered while `run` runs."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._inbox = bus.client.new_inbox()
        self._unsent: Readers = {}
        self._wanted = asyncio.Event()
        self._sent: dict[str, Readers] = {}
        self._requests = 0

    async def run(self) -> None:
        """Send what is asked for; never returns."""
        subscription = await self._bus.client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._unsent:
                    subjects = list(self._unsent)[:MOST_SUBJECTS]
                    await self._request({subject: self._unsent.pop(subject) for subject in subjects})
        finally:
            if self._bus.client.is_connected:
                await subscription.unsubscribe()

    async def read(self, subject: str) -> StoredFrame | None:
        """The latest frame of `subject`, None where there is none.

        Raises:
            BusUnavailable: no answer, or not connected.
        """
        reader: Reader = asyncio.get_running_loop().create_future()
        self._unsent.setdefault(subject, []).append(reader)
        self._wanted.set()
        try:
            return await reader
        finally:
            del reader  # a failure knows this frame by its traceback: they would keep one another

    async def _request(self, readers: Readers) -> None:
        self._requests += 1
        reply = f"{self._inbox}.{self._requests}"
        self._sent[reply] = readers
        asyncio.get_running_loop().call_later(_TIMEOUT_S, self._overdue, reply)
        subject, body = f"$JS.API.DIRECT.GET.{FRAMES}", b""
        if len(readers) == 1:
            subject += f".{next(iter(readers))}"
        else:
            body = json.dumps({"multi_last": list(readers)}).encode()
        try:
            await self._bus.client.publish(subject, body, reply=reply)
        except NatsError as error:
            self._fail(reply, describe(error))

    async def _on_message(self, message: Msg) -> None:
        headers = dict(message.headers or {})
        status = headers.get("Status")
        if status is None:
            stored = StoredFrame(message.data, headers, moment(headers["Nats-Time-Stamp"]))
            waiting = self._sent.get(message.subject, {})
            for reader in waiting.pop(headers["Nats-Subject"], []):
                if not reader.done():
                    reader.set_result(stored)
            if not waiting:
                self._left(message.subject)
        elif status in (_END_OF_BATCH, _NOT_ONE):
            for reader in self._left(message.subject):
                reader.set_result(None)
        else:
            self._fail(message.subject, f"Direct Get: {status} {headers.get('Description', '')}".rstrip())

    def _overdue(self, reply: str) -> None:
        """Look once more: where it was this process that stood still, the answers lie unread in its socket."""
        if reply in self._sent:
            reason = f"no answer in {_TIMEOUT_S:g} s"
            asyncio.get_running_loop().call_later(_LAST_LOOK_S, self._fail, reply, reason)

    def _fail(self, reply: str, reason: str) -> None:
        for reader in self._left(reply):
            reader.set_exception(BusUnavailable(f"frames can't be read: {reason}"))

    def _left(self, reply: str) -> list[Reader]:
        """Who still waits for this request's answer; the request is done with."""
        readers = self._sent.pop(reply, {})
        return [reader for waiting in readers.values() for reader in waiting if not reader.done()]


def moment(text: str) -> dt.datetime:
    """A time stamp of the server: RFC 3339 in UTC with up to nine decimals, of which Python reads six."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return dt.datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
