"""Messages of a stream in its order, each once, as one reader gets them from a pull consumer.

Whenever there is doubt (a message missing, the connection lost, the server's stream gone) a reader ends, and the next
one begins where it is safe: the idea of ordered consumers (NATS ADR-17).
"""

import asyncio
import contextlib
import json
from collections import deque
from time import monotonic
from types import TracebackType
from typing import Self

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, ConsumerInfo

from events.errors import ReaderBroken
from vedette.bus.connection import Bus, describe

_BATCH = 256
_EXPIRES_S = 20.0
_HEARTBEAT_S = 2.0
_SILENT_S = 3 * _HEARTBEAT_S
_LOOK_EVERY_S = 2.0
_NOTHING_CAME = ("404", "408")


class PullReader:
    """Use `async with`. One that has raised ReaderBroken is of no more use."""

    def __init__(self, bus: Bus, stream: str, consumer: ConsumerConfig) -> None:
        self._bus = bus
        self._stream = stream
        self._consumer = consumer
        self._name = str(consumer.durable_name or consumer.name)
        self._inbox = bus.client.new_inbox()
        self._subscription: Subscription | None = None
        self._messages: deque[Msg] = deque()
        self._woken = asyncio.Event()
        self._broken: str | None = None
        self._delivered = 0
        self._asked = 0
        self._heard_s = monotonic()

    async def __aenter__(self) -> Self:
        self._forget = self._bus.on_reconnect(self._on_reconnect)
        try:
            self._subscription = await self._bus.client.subscribe(self._inbox, cb=self._on_message)
            info = await self._join()
        except BaseException as error:
            await self._let_go()
            if isinstance(error, NatsError | TimeoutError):
                raise ReaderBroken(f"{self._stream}: {describe(error)}") from error
            raise
        self.pending_at_start = info.num_pending or 0
        """Messages that were there to be read when it was opened."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._let_go()
        if self._bus.client.is_connected:
            with contextlib.suppress(NatsError, TimeoutError):
                await self._leave()

    async def _let_go(self) -> None:
        """Also without a connection: the library would subscribe again with the next one."""
        self._forget()
        if self._subscription is not None:
            with contextlib.suppress(NatsError):
                await self._subscription.unsubscribe()

    @property
    def unread(self) -> int:
        """Messages that are here and were not asked for yet."""
        return len(self._messages)

    @property
    def delivered(self) -> int:
        """Messages that came so far."""
        return self._delivered

    async def _join(self) -> ConsumerInfo:
        """Make the consumer, or set the one that is there to where it is to begin."""
        info: ConsumerInfo = await self._bus.jetstream.add_consumer(self._stream, self._consumer)
        return info

    async def _leave(self) -> None:
        """The reader has ended."""

    async def next(self) -> Msg:
        """The next message.

        Raises:
            ReaderBroken: there may be one, but it can't be had with this reader.
        """
        while not self._messages:
            self._raise_if_broken()
            await self._ask()
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._woken.wait()
        if self._asked <= _BATCH // 2:
            await self._ask(more=True)
        return self._messages.popleft()

    async def _ask(self, more: bool = False) -> None:
        """A pull request, where none is under way (or the one that is, is half used up)."""
        if self._asked > 0 and not more:
            if monotonic() - self._heard_s > _SILENT_S:
                self._break("the server is silent")
                self._raise_if_broken()
            return
        if not self._bus.client.is_connected:
            self._break("not connected")
            self._raise_if_broken()
        self._asked += _BATCH
        self._heard_s = monotonic()
        request = {"batch": _BATCH, "expires": int(_EXPIRES_S * 1e9), "idle_heartbeat": int(_HEARTBEAT_S * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        try:
            await self._bus.client.publish(subject, json.dumps(request).encode(), reply=self._inbox)
        except NatsError as error:
            raise ReaderBroken(f"{self._stream}: {describe(error)}") from error

    async def _on_message(self, message: Msg) -> None:
        self._heard_s = monotonic()
        status = (message.headers or {}).get("Status")
        if status is None:
            self._take(message)
        elif status in _NOTHING_CAME:
            left = (message.headers or {}).get("Nats-Pending-Messages", "")
            self._asked = max(0, self._asked - (int(left) if left.isdigit() else _BATCH))
            self._woken.set()
        elif status != "100":
            self._break(f"{status} {(message.headers or {}).get('Description', '')}")

    def _take(self, message: Msg) -> None:
        delivered = message.metadata.sequence.consumer
        if delivered != self._delivered + 1:
            self._break(f"message {self._delivered + 1} did not come")
            return
        self._delivered = delivered
        self._asked = max(0, self._asked - 1)
        self._messages.append(message)
        self._woken.set()

    async def _on_reconnect(self) -> None:
        self._break("the connection was lost")

    def _break(self, why: str) -> None:
        self._broken = self._broken or why
        self._woken.set()

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise ReaderBroken(f"{self._stream}: {self._broken}")
