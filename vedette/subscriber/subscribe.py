"""Receive events in a program of your own.

    async with vedette.subscribe(config="site.yaml") as events:
        async for event in events:
            print(event.data.camera, event.data.detections)

Without `durable` a reader gets what is published while it listens; one that is too slow loses the oldest. With
`durable` it gets every event that the stream holds, at least once, and goes on where it stopped.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus.address import BusAddress, address_of
from vedette.bus.connection import Bus, connect, describe
from vedette.config.file import load_config
from vedette.consumers import READER_FORGOTTEN_AFTER_S
from vedette.errors import BusMisfit, BusUnavailable, MalformedMessage
from vedette.event_parser import Event, parse_event
from vedette.roles.permissions import role_of_user
from vedette.secrets.secret import SecretText, SecretUrl
from vedette.streams import stream_of
from vedette.subscriber.feeds import DurableFeed, EventFeed, LiveFeed
from vedette.subscriber.order import EventOrder, Verdict

logger = logging.getLogger(__name__)

_CONNECT_WITHIN_S = 4.0
_DURABLE_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


def subscribe(
    url: str | None = None,
    subject: str = "vedette.detections.>",
    *,
    config: Path | str | None = None,
    durable: str | None = None,
    credentials: str | None = None,
    forget_after_s: float = READER_FORGOTTEN_AFTER_S,
) -> "Subscription":
    """The events of `subject`, from the server at `url`, or from the one that a configuration file means.

    Args:
        url: `nats://user:password@host:port` or `tls://…`; special characters of the password percent-encoded.
        subject: with NATS wildcards: `vedette.detections.plant-1.gate.*`, `vedette.status.>`.
        config: instead of `url`: finds the embedded server of the site and its credentials.
        durable: name under which the server remembers how far this reader is. Several readers share its events.
        credentials: path of a `.creds` file, or its text.
        forget_after_s: how long the server keeps a durable's place while nobody reads; a week.

    Raises:
        ValueError: both or neither of `url` and `config`, no name for a durable, or a subject that no stream keeps.
    """
    if (url is None) == (config is None):
        raise ValueError("subscribe needs one of both: url or config")
    if durable is not None:
        stream_of(subject)
        if not _DURABLE_NAME.fullmatch(durable):
            raise ValueError(f"durable must be letters, digits, - and _, not {durable!r}")
    secret_url = None if url is None else SecretUrl(url)
    server = _Server(secret_url, None if config is None else Path(config), credentials)
    return Subscription(server, subject, durable, forget_after_s)


@dataclass(frozen=True, slots=True, repr=False)
class _Server:
    url: SecretUrl | None
    config: Path | None
    credentials: str | None

    def address(self) -> BusAddress:
        """Reads files: not for the event loop."""
        if self.config is not None:
            return address_of(load_config(self.config), "subscriber")
        assert self.url is not None  # noqa: S101 -- what `subscribe` guarantees
        credentials = _creds(self.credentials) if self.credentials else None
        return BusAddress(url=self.url, credentials=credentials, role=role_of_user(_user(self.url)))


def _user(url: SecretUrl) -> str | None:
    try:
        return urlsplit(url.reveal()).username
    except ValueError:
        return None


def _creds(credentials: str) -> SecretText:
    if "-----BEGIN" in credentials:
        return SecretText(credentials)
    try:
        return SecretText(Path(credentials).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BusUnavailable(f"{credentials}: {getattr(error, 'strerror', None) or 'is not text'}") from None


class Subscription:
    """An async iterator over events, connected by the first `async with` or `anext`.

    It reconnects for ever once it was connected. `aclose` (or the end of `async with`) disconnects; an iterator that
    is dropped disconnects by itself. A cancelled `anext` loses nothing. One reader at a time.

    Connecting raises ConfigError (from `config`), BusUnavailable (no server, wrong credentials; within a few seconds)
    or BusMisfit (these credentials may not read the subject); reading raises BusUnavailable where the server ended
    the connection for good.
    """

    malformed = 0
    """Messages that were no events, and left out."""
    repeated = 0
    """Events left out because one with their id was seen."""
    superseded = 0
    """Events left out because another gateway had taken their camera over."""

    def __init__(self, server: _Server, subject: str, durable: str | None, forget_after_s: float) -> None:
        self._server = server
        self._subject = subject
        self._durable = durable
        self._forget_after_s = forget_after_s
        self._order = EventOrder()
        self._session: AsyncGenerator[EventFeed, None] | None = None
        self._feed: EventFeed | None = None
        self._current: Msg | None = None
        self._closed = False

    @property
    def lost(self) -> int:
        """Messages that came faster than they were read, and were thrown away: never with `durable`."""
        return self._feed.lost if self._feed else 0

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event. Asking for it says that the one before is done: only then is that acknowledged."""
        if self._closed:
            raise StopAsyncIteration
        feed = await self._connect()
        if self._current is not None:
            current, self._current = self._current, None
            await feed.done(current)
        while True:
            message = await feed.next()
            event = await self._event(feed, message)
            if event is not None:
                self._current = message
                return event

    async def aclose(self) -> None:
        """Disconnect. What was read and not followed by another `anext` is not acknowledged."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.aclose()

    async def _connect(self) -> EventFeed:
        if self._feed is None:
            session = _session(self._server, self._subject, self._durable, self._forget_after_s)
            self._feed = await anext(session)
            self._session = session
        return self._feed

    async def _event(self, feed: EventFeed, message: Msg) -> Event | None:
        """The event of a message; None where a reader should not get it."""
        try:
            event = parse_event(message.data)
        except MalformedMessage as error:
            self.malformed += 1
            logger.warning("%s: left out: %s", message.subject, error)
            await feed.refuse(message)
            return None
        verdict = self._order.judge(event, feed.position(message))
        if verdict is Verdict.NEW:
            return event
        if verdict is Verdict.REPEATED:
            self.repeated += 1
        else:
            self.superseded += 1
        await feed.done(message)
        return None


async def _session(
    server: _Server, subject: str, durable: str | None, forget_after_s: float
) -> AsyncGenerator[EventFeed, None]:
    """Connects, yields once, disconnects. A generator, because the event loop closes one that was dropped."""
    address = await asyncio.to_thread(server.address)
    try:
        bus = await connect(address, "subscriber", give_up_after_s=_CONNECT_WITHIN_S, keeps_streams=False)
    except BusMisfit as error:
        raise BusUnavailable(str(error)) from error
    async with bus:
        feed = await _feed(bus, subject, durable, forget_after_s)
        try:
            yield feed
        finally:
            await feed.give_back()


async def _feed(bus: Bus, subject: str, durable: str | None, forget_after_s: float) -> EventFeed:
    feed = LiveFeed(bus, subject) if durable is None else DurableFeed(bus, subject, durable, forget_after_s)
    try:
        await feed.open()
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{subject}: {describe(error)}") from error
    return feed
