"""Pulls messages of a durable consumer, never more than there is room for, and gives each to a handler as it comes.

The library's `fetch` returns a message at a time under load and waits when it need not. Here a pull request asks for
what there is room for, messages are handled as they arrive, and the next request asks for what became free. A pull
request dies silently when the server restarts: each has an expiry, and all are made anew after a reconnect.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Protocol

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig

from vedette.bus import Bus, describe
from vedette.errors import BusUnavailable
from vedette.retry import Backoff, Retry
from vedette.stream_setup import ensure_consumer

logger = logging.getLogger(__name__)

_EXPIRES_S = 5.0
_LOST_AFTER_S = _EXPIRES_S + 2.0
_BACKOFF = Backoff(first_s=0.1, cap_s=2.0)
_EXPIRED = "408"

Handler = Callable[[list[Msg]], Awaitable[None]]


class Capacity(Protocol):
    """How many messages may be in hand at a time; it may change while the process runs."""

    @property
    def capacity(self) -> int: ...


class Intake:
    """One consumer's messages. `in_hand` counts from arrival until the handler has done with them."""

    def __init__(self, bus: Bus, stream: str, consumer: ConsumerConfig, capacity: Capacity, handler: Handler) -> None:
        self.in_hand = 0
        self._bus = bus
        self._stream = stream
        self._consumer = consumer
        self._capacity = capacity
        self._handler = handler
        self._wake = asyncio.Event()
        self._arrived: list[Msg] = []
        self._requests: dict[int, _Request] = {}
        self._requests_made = 0
        self._retry: Retry | None = None
        self._stopping = False
        self._inbox = bus.client.new_inbox()

    async def run(self) -> None:
        """Pull until `stop`, and return when everything in hand is done; cancelled, leave at once."""
        self._bus.on_reconnect(self._start_anew)
        subscription = await self._bus.client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        await self._ensure_consumer()
        try:
            async with asyncio.TaskGroup() as tasks:
                while not self._stopping:
                    await self._ask()
                    await self._woken()
                    if self._arrived:
                        batch, self._arrived = self._arrived, []
                        tasks.create_task(self._handle(batch))
        finally:
            await self._leave(subscription.unsubscribe)

    def stop(self) -> None:
        """Pull no more."""
        self._stopping = True
        self._wake.set()

    async def _handle(self, batch: list[Msg]) -> None:
        try:
            await self._handler(batch)
        finally:
            self.in_hand -= len(batch)
            self._wake.set()

    async def _ask(self) -> None:
        """One pull request for what is free and not yet asked for."""
        now_s = monotonic()
        self._requests = {n: request for n, request in self._requests.items() if now_s < request.lost_at_s}
        wanted = self._capacity.capacity - self.in_hand - sum(request.open for request in self._requests.values())
        if wanted <= 0 or not self._bus.connected:
            return
        self._requests_made += 1
        number = self._requests_made
        self._requests[number] = _Request(wanted, now_s + _LOST_AFTER_S)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer.durable_name}"
        body = f'{{"batch":{wanted},"expires":{int(_EXPIRES_S * 1e9)}}}'
        try:
            await self._bus.client.publish(subject, body.encode(), reply=f"{self._inbox}.{number}")
        except NatsError as error:
            del self._requests[number]
            logger.debug("pull: %s", describe(error))

    async def _woken(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), timeout=1.0)
        except TimeoutError:
            return
        self._wake.clear()

    async def _on_message(self, message: Msg) -> None:
        status = message.headers.get("Status") if message.headers and not message.reply else None
        if status is None:
            self._count_arrival()
            self._arrived.append(message)
        else:
            self._requests.pop(int(message.subject.rpartition(".")[2]), None)
            if status != _EXPIRED:
                await self._recover(f"{status} {(message.headers or {}).get('Description', '')}".strip())
        self._wake.set()

    def _count_arrival(self) -> None:
        self.in_hand += 1
        self._retry = None
        for number, request in self._requests.items():  # the server fills the oldest request first
            request.open -= 1
            if request.open <= 0:
                del self._requests[number]
            break

    async def _recover(self, reason: str) -> None:
        """The consumer or its stream is gone, or its leader moved: wait a little and make sure that it is there."""
        self._retry = self._retry or Retry(_BACKOFF)
        logger.warning("consumer %s: %s", self._consumer.durable_name, reason)
        await asyncio.sleep(self._retry.wait_s(0.0))
        if self._bus.connected:
            await self._ensure_consumer()

    async def _start_anew(self) -> None:
        self._requests.clear()
        await self._ensure_consumer()
        self._wake.set()

    async def _ensure_consumer(self) -> None:
        retry = Retry(_BACKOFF)
        while True:
            try:
                return await ensure_consumer(self._bus.jetstream, self._stream, self._consumer)
            except BusUnavailable as error:
                logger.warning("%s", error)
                if not self._bus.connected:
                    return None
                await asyncio.sleep(retry.wait_s(0.0))

    async def _leave(self, unsubscribe: Callable[[], Awaitable[None]]) -> None:
        """Give what arrived and was not begun back to the other workers."""
        try:
            await unsubscribe()
            for message in self._arrived:
                await self._bus.client.publish(message.reply, b"-NAK")
        except NatsError as error:
            logger.debug("leaving: %s", describe(error))


class _Request:
    """A pull request under way."""

    __slots__ = ("lost_at_s", "open")

    def __init__(self, wanted: int, lost_at_s: float) -> None:
        self.open = wanted
        self.lost_at_s = lost_at_s
