"""Pulls messages of a durable consumer, never more than there is room for, and serves each in a task of its own.

The library's `fetch` returns a message at a time under load and waits when it need not. Here a pull request asks for
what there is room for, messages are served as they arrive, and the next request asks for what became free. A pull
request dies silently when the server restarts: each has an expiry, and all are made anew after a reconnect.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig

from inference import metrics
from inference.stream.room import Place, Room
from vedette.bus.connection import Bus, describe
from vedette.bus.stream_setup import ensure_consumer
from vedette.errors import BusUnavailable
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_EXPIRES_S = 5.0
_LOST_AFTER_S = _EXPIRES_S + 2.0
_LOOK_EVERY_S = 1.0
_LEAVE_WITHIN_S = 1.0
_BACKOFF = Backoff(first_s=0.1, cap_s=2.0)
_EXPIRED = "408"

Serve = Callable[[Msg, Place], Awaitable[None]]
"""Serves a message, and tells its place when its inference is done."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A pull request under way; perhaps answered already, as messages don't say which request they answer."""

    number: int
    wanted: int
    lost_at_s: float


class Intake:
    """One consumer's messages. `serve` says itself what becomes of its message; what it raises is logged and counted,
    and ends that message alone: unacknowledged, it is delivered again."""

    def __init__(self, bus: Bus, stream: str, consumer: ConsumerConfig, room: Room, serve: Serve) -> None:
        self.ready = False
        """Whether the consumer is there and messages are asked for."""
        self._bus = bus
        self._stream = stream
        self._consumer = consumer
        self._room = room
        self._serve = serve
        self._inbox = bus.client.new_inbox()
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks = asyncio.TaskGroup()
        self._asked = 0
        """Messages that are still to come."""
        self._requests: dict[int, _Request] = {}
        """The oldest first."""
        self._promised = 0
        """What they asked for together."""
        self._requests_made = 0
        self._retry = Retry(_BACKOFF)
        self._quiet_until_s = 0.0
        room.join(self._wake.set)
        bus.on_reconnect(self._start_anew)

    async def run(self) -> None:
        """Pull until `stop`, and return when everything in hand is done; cancelled, give back what is in hand."""
        subscription = await self._bus.client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        async with self._tasks:
            try:
                while not self._stopping:
                    if monotonic() >= self._quiet_until_s and self._bus.connected:
                        await self._make_ready()
                        await self._ask()
                    await self._woken()
            finally:
                self.stop()
                await self._leave(subscription)

    def stop(self) -> None:
        """Pull no more; what arrives from now on is given back."""
        self._stopping = True
        self.ready = False
        self._wake.set()

    async def _make_ready(self) -> None:
        """Make sure that the consumer is there."""
        if self.ready:
            return
        try:
            await ensure_consumer(self._bus.jetstream, self._stream, self._consumer)
        except BusUnavailable as error:
            self._back_off(str(error))
        else:
            self.ready = not self._stopping

    async def _ask(self) -> None:
        """One pull request for what is free and not yet asked for."""
        now_s = monotonic()
        while self._requests and now_s >= (oldest := next(iter(self._requests.values()))).lost_at_s:
            del self._requests[oldest.number]
            self._promised -= oldest.wanted
        # Answers may be lost; but what was asked for by requests that are over will never come.
        self._asked = min(self._asked, self._promised)
        wanted = self._room.free() - self._asked
        if wanted <= 0 or not self.ready:
            return
        self._requests_made += 1
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer.durable_name}"
        body = f'{{"batch":{wanted},"expires":{int(_EXPIRES_S * 1e9)}}}'
        self._requests[self._requests_made] = _Request(self._requests_made, wanted, now_s + _LOST_AFTER_S)
        self._promised += wanted
        self._asked += wanted
        try:
            await self._bus.client.publish(subject, body.encode(), reply=f"{self._inbox}.{self._requests_made}")
        except NatsError as error:
            self._over(self._requests_made, "")
            logger.debug("pull: %s", describe(error))

    async def _woken(self) -> None:
        """Until something has changed, or may have."""
        quiet_s = self._quiet_until_s - monotonic()
        # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes together with the event (gh-86296).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(quiet_s if 0 < quiet_s < _LOOK_EVERY_S else _LOOK_EVERY_S):
                await self._wake.wait()
        self._wake.clear()

    async def _on_message(self, message: Msg) -> None:
        if message.reply:
            await self._arrived(message)
            return
        headers = dict(message.headers or {})
        number, left = int(message.subject.rpartition(".")[2]), headers.get("Nats-Pending-Messages", "")
        if headers.get("Status") == _EXPIRED:
            self._retry = Retry(_BACKOFF)
            self._over(number, left)
        elif "MaxWaiting" in headers.get("Description", ""):  # more workers than the consumer takes requests of
            self._over(number, left)
            self._back_off("too many requests wait")
        else:  # the consumer or its stream is gone, or moved to another server: so are all requests
            self._start_over()
            self._back_off(f"{headers.get('Status')} {headers.get('Description', '')}".rstrip())

    async def _arrived(self, message: Msg) -> None:
        self._asked = max(0, self._asked - 1)
        self._retry = Retry(_BACKOFF)
        if self._stopping:
            await self._give_back(message)
            return
        self._tasks.create_task(self._serve_one(message, self._room.enter()))

    async def _serve_one(self, message: Msg, place: Place) -> None:
        try:
            await self._serve(message, place)
        except Exception:
            logger.exception("%s", message.subject)
            metrics.SERVING_FAILURES.labels(self._stream).inc()
        finally:
            place.leave()

    def _over(self, number: int, left: str) -> None:
        """A request ended; `left` says how many of its messages will not come, where the server says it."""
        if (request := self._requests.pop(number, None)) is not None:
            self._promised -= request.wanted
            self._asked = max(0, self._asked - (int(left) if left.isdigit() else request.wanted))
            self._wake.set()

    def _back_off(self, reason: str) -> None:
        wait_s = self._retry.wait_s(0.0)
        logger.warning("consumer %s: %s", self._consumer.durable_name, reason)
        self._quiet_until_s = monotonic() + wait_s

    def _start_over(self) -> None:
        self.ready = False
        self._requests.clear()
        self._promised = self._asked = 0
        self._wake.set()

    async def _start_anew(self) -> None:
        if not self._stopping:
            self._quiet_until_s = 0.0
            self._start_over()

    async def _leave(self, subscription: Subscription) -> None:
        """Withdraw the requests; what the server sent before it knew is given back."""
        if self._bus.client.is_connected:
            try:
                async with asyncio.timeout(_LEAVE_WITHIN_S):
                    await self._bus.leave(subscription)
            except (NatsError, TimeoutError) as error:
                logger.debug("leaving: %s", describe(error))

    async def _give_back(self, message: Msg) -> None:
        try:
            await self._bus.client.publish(message.reply, b"-NAK")
        except NatsError as error:
            logger.debug("leaving: %s", describe(error))
