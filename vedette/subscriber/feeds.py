"""Where a subscriber's messages come from: the subject as it is published, or a durable consumer of its stream."""

import asyncio
import json
import logging
from collections import deque
from time import monotonic
from typing import Protocol

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus.client import RECONNECT
from vedette.bus.connection import Bus, describe
from vedette.bus.stream_setup import ensure_consumer
from vedette.consumers import reader_consumer
from vedette.errors import BusMisfit, BusUnavailable
from vedette.retry import Retry
from vedette.streams import stream_of

logger = logging.getLogger(__name__)

LIVE_MESSAGES = 1000
PULL_MESSAGES = 64
_PULL_EXPIRES_S = 5.0
_LOOK_EVERY_S = 0.5
"""How soon a lost connection, or the end of a pause, is noticed without a message."""
_LOG_LOST_EVERY_S = 10.0
_NOTHING_TO_PULL = ("404", "408")


class EventFeed(Protocol):
    """What a subscriber reads from."""

    lost: int

    async def next(self) -> Msg: ...
    def position(self, message: Msg) -> int: ...
    async def done(self, message: Msg) -> None: ...
    async def refuse(self, message: Msg) -> None: ...
    async def give_back(self) -> None: ...


class LiveFeed:
    """Messages from now on, over core NATS. A reader that is too slow loses the oldest: they are counted in `lost`."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self.lost = 0
        self._bus = bus
        self._subject = subject
        self._messages: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._received = 0
        self._told_s = -_LOG_LOST_EVERY_S

    async def open(self) -> None:
        """Subscribe.

        Raises:
            BusMisfit: these credentials may not read the subject.
        """
        await self._bus.client.subscribe(self._subject, cb=self._on_message)
        await self._bus.settle()
        self._raise_if_refused()

    async def next(self) -> Msg:
        """The oldest message that is waiting.

        Raises:
            BusUnavailable: the server ended the connection for good.
            BusMisfit: these credentials may not read the subject (any more).
        """
        while not self._messages:
            self._bus.raise_if_lost()
            self._raise_if_refused()
            await _wait(self._arrived, _LOOK_EVERY_S)
        return self._messages.popleft()

    def position(self, message: Msg) -> int:
        """Core messages come in the order in which the server got them."""
        self._received += 1
        return self._received

    async def done(self, message: Msg) -> None:
        """Nobody waits for it."""

    async def refuse(self, message: Msg) -> None:
        """Nobody waits for it."""

    async def give_back(self) -> None:
        """Nobody waits for it."""

    def _raise_if_refused(self) -> None:
        if self._bus.refused:
            raise BusMisfit(f"{self._subject}: {self._bus.refused}")

    async def _on_message(self, message: Msg) -> None:
        if len(self._messages) >= LIVE_MESSAGES:
            self._messages.popleft()
            self._count_lost()
        self._messages.append(message)
        self._arrived.set()

    def _count_lost(self) -> None:
        self.lost += 1
        if monotonic() - self._told_s >= _LOG_LOST_EVERY_S:
            self._told_s = monotonic()
            logger.warning("%s: this reader is too slow; %s events lost so far", self._subject, self.lost)


class DurableFeed:
    """Messages of a stream through a durable pull consumer, from where its readers stopped; each until it is done.

    No more than 64 are here unread. Pull requests die silently when the server restarts: they are made again after
    each reconnect, and when their time is over.
    """

    def __init__(self, bus: Bus, subject: str, durable: str, forget_after_s: float) -> None:
        self.lost = 0
        self._bus = bus
        self._stream = stream_of(subject)
        self._consumer = reader_consumer(durable, subject, forget_after_s)
        self._messages: deque[Msg] = deque()
        self._woken = asyncio.Event()
        self._asked = 0
        self._asked_until_s = 0.0
        self._pause_until_s = 0.0
        self._unfinished: Msg | None = None
        self._consumer_is_there = False
        self._retry = Retry(RECONNECT)
        self._inbox = bus.client.new_inbox()

    async def open(self) -> None:
        """Make the consumer, or join the one that is there.

        Raises:
            BusUnavailable: no answer, or no stream.
            BusMisfit: these credentials may not read it.
        """
        try:
            await ensure_consumer(self._bus.jetstream, self._stream, self._consumer)
        except BusUnavailable as error:
            if self._bus.refused:
                raise BusMisfit(f"{self._stream}: {self._bus.refused}") from error
            raise
        self._consumer_is_there = True
        await self._bus.client.subscribe(self._inbox, cb=self._on_message)
        self._bus.on_reconnect(self._start_anew)

    async def next(self) -> Msg:
        """The oldest message that is here; asks for more when there is none.

        Raises:
            BusUnavailable: the server ended the connection for good.
        """
        while not self._messages:
            self._bus.raise_if_lost()
            await self._pull_if_due()
            await _wait(self._woken, _LOOK_EVERY_S)
        self._unfinished = self._messages.popleft()
        return self._unfinished

    def position(self, message: Msg) -> int:
        """Its sequence in the stream."""
        return message.metadata.sequence.stream

    async def done(self, message: Msg) -> None:
        """Acknowledge it. An acknowledgement that does not arrive makes a double later, which falls away by its id."""
        self._unfinished = None
        await self._answer(message, "+ACK")

    async def refuse(self, message: Msg) -> None:
        """Never deliver it again."""
        self._unfinished = None
        await self._answer(message, "+TERM")

    async def give_back(self) -> None:
        """Let the next reader have at once what was read and not done, or not read at all."""
        unfinished = [self._unfinished] if self._unfinished else []
        for message in (*unfinished, *self._messages):
            await self._answer(message, "-NAK")
        self._messages.clear()

    async def _answer(self, message: Msg, word: str) -> None:
        try:
            await self._bus.client.publish(message.reply, word.encode())
        except NatsError as error:
            logger.debug("%s was not sent: %s", word, describe(error))

    async def _pull_if_due(self) -> None:
        now_s = monotonic()
        asked = self._asked > 0 and now_s < self._asked_until_s
        if asked or now_s < self._pause_until_s or not self._bus.connected:
            return
        try:
            if not self._consumer_is_there:
                await ensure_consumer(self._bus.jetstream, self._stream, self._consumer)
                self._consumer_is_there = True
            await self._pull()
        except (BusUnavailable, NatsError) as error:
            self._pause_until_s = monotonic() + self._retry.wait_s(0.0)
            logger.warning("%s: %s", self._stream, describe(error))

    async def _pull(self) -> None:
        self._asked, self._asked_until_s = PULL_MESSAGES, monotonic() + _PULL_EXPIRES_S + _LOOK_EVERY_S
        request = {"batch": PULL_MESSAGES, "expires": int(_PULL_EXPIRES_S * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer.durable_name}"
        await self._bus.client.publish(subject, json.dumps(request).encode(), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._messages.append(message)
            self._asked -= 1
            self._retry.failures = 0
        else:  # the end of a request (NATS ADR-37): its time is over, or its consumer gone
            self._asked = 0
            if status not in _NOTHING_TO_PULL:
                self._consumer_is_there = False
                self._pause_until_s = monotonic() + self._retry.wait_s(0.0)
        self._woken.set()

    async def _start_anew(self) -> None:
        self._asked, self._consumer_is_there, self._pause_until_s = 0, False, 0.0
        self._woken.set()


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), at_most_s)
    except TimeoutError:
        return
    event.clear()
