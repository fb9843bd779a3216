"""A process's one connection to NATS: connects with retry, and ensures the streams at start and after every reconnect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import Self

from nats.aio.client import Client, RawCredentials, Server
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError
from nats.js.kv import KeyValue

from vedette.bus_address import BusAddress
from vedette.errors import BusMisfit, BusUnavailable, MessageTooLarge
from vedette.retry import Backoff, Retry
from vedette.stream_setup import ensure_buckets, ensure_streams

logger = logging.getLogger(__name__)

OLDEST_SERVER = (2, 14)
_RECONNECT = Backoff(first_s=0.1, cap_s=2.0)
_CONFIRM_TIMEOUT_S = 2.0
_HEADER_OVERHEAD_BYTES = 512

Listener = Callable[[], Awaitable[None]]


class Bus:
    """Use `async with await connect(...) as bus`. Nothing is buffered while disconnected: publishing fails at once."""

    def __init__(self, client: Client, address: BusAddress) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=_CONFIRM_TIMEOUT_S)
        self.reconnects = 0
        self._address = address
        self._listeners: list[Listener] = []
        self._buckets: dict[str, KeyValue] = {}
        self._ready = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Connected, with the streams there: publishing makes sense."""
        return self._ready and self.client.is_connected

    def on_reconnect(self, listener: Listener) -> None:
        """Call `listener` after each reconnect, when the streams are there again, in the order of registration."""
        self._listeners.append(listener)

    async def publish_confirmed(
        self, subject: str, payload: bytes, headers: Mapping[str, str], message_id: str | None = None
    ) -> PubAck:
        """Publish to a stream and wait for its acknowledgement. A message with `message_id` is stored once.

        Raises:
            MessageTooLarge: over the server's `max_payload`; nothing was sent.
            BusUnavailable: not connected, no stream, refused, or no answer in 2 s: it may or may not be stored.
        """
        self.check_size(subject, payload)
        extra = {"Nats-Msg-Id": message_id} if message_id else {}
        try:
            return await self.jetstream.publish(
                subject, payload, headers={**headers, **extra}, timeout=_CONFIRM_TIMEOUT_S
            )
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{subject}: {describe(error)}") from error

    def check_size(self, subject: str, payload: bytes) -> None:
        """Refuse what the server would end the connection for.

        Raises:
            MessageTooLarge: payload and headers are over the server's `max_payload`.
        """
        if len(payload) + _HEADER_OVERHEAD_BYTES > self.client.max_payload:
            raise MessageTooLarge(subject, len(payload), self.client.max_payload)

    async def ensure(self) -> None:
        """Make the streams and buckets as they should be. Idempotent.

        Raises:
            BusMisfit: one exists with settings that can't be changed.
            BusUnavailable: the server doesn't answer.
        """
        await ensure_streams(self.jetstream, self._address)
        await ensure_buckets(self.jetstream, self._address.replicas)
        self._ready = True

    async def bucket(self, name: str) -> KeyValue:
        """A KV bucket by name."""
        if name not in self._buckets:
            self._buckets[name] = await self.jetstream.key_value(name)
        return self._buckets[name]

    async def close(self) -> None:
        """Send what is under way and disconnect."""
        self._ready = False
        if self.client.is_connected:
            try:
                await self.client.flush(timeout=1)
            except (NatsError, TimeoutError) as error:
                logger.warning("the bus was left without a last flush: %s", describe(error))
        await self.client.close()

    async def disconnected(self) -> None:
        """Called by the client when the connection is lost."""
        self._ready = False
        if not self.client.is_closed:
            logger.warning("the bus is gone; reconnecting")

    async def reconnected(self) -> None:
        """Called by the client when the connection is back."""
        self.reconnects += 1
        retry = Retry(_RECONNECT)
        while self.client.is_connected:
            try:
                await self.ensure()
                break
            except (BusUnavailable, BusMisfit) as error:
                logger.warning("after the reconnect: %s", error)
                await asyncio.sleep(retry.wait_s(0.0))
        if self.connected:
            logger.info("the bus is back")
            for listener in self._listeners:
                await listener()


def describe(error: BaseException) -> str:
    """An error of the client library in words; some of its errors have none."""
    if isinstance(error, APIError):
        return error.description or str(error)
    return str(error) or type(error).__name__


async def connect(address: BusAddress, name: str, give_up_after_s: float | None = None) -> Bus:
    """Connect, retrying by the one policy, and ensure the streams.

    Raises:
        BusUnavailable: not within `give_up_after_s` (None: try for ever).
        BusMisfit: the server is older than 2.14, or a stream exists with settings that can't be changed.
    """
    retry, started = Retry(_RECONNECT), monotonic()
    while True:
        try:
            bus = await _connect_once(address, name)
        except (OSError, NatsError, TimeoutError) as error:
            reason = f"{address.url}: {describe(error)}"
            if give_up_after_s is not None and monotonic() - started >= give_up_after_s:
                raise BusUnavailable(reason) from error
            if retry.failures % 10 == 0:
                logger.warning("no bus yet: %s", reason)
            await asyncio.sleep(retry.wait_s(0.0))
            continue
        try:
            _check_version(bus.client)
            await _ensure_with_patience(bus, retry)
        except BaseException:
            await bus.close()
            raise
        return bus


async def _ensure_with_patience(bus: Bus, retry: Retry) -> None:
    while True:
        try:
            return await bus.ensure()
        except BusUnavailable as error:
            logger.warning("the streams are not there yet: %s", error)
            await asyncio.sleep(retry.wait_s(0.0))


async def _connect_once(address: BusAddress, name: str) -> Bus:
    client = Client()
    bus = Bus(client, address)
    retry = Retry(_RECONNECT)

    async def on_error(error: Exception) -> None:
        # Until the first connect has succeeded the library would retry for ever on its own: raising here ends it.
        if client.is_connecting or not client.connected_url:
            raise error
        logger.log(logging.DEBUG if not client.is_connected else logging.WARNING, "bus: %s", describe(error))

    def next_server(servers: list[Server], info: dict[str, object]) -> tuple[Server | None, float]:
        return None, retry.wait_s(0.0)

    await client.connect(
        servers=[address.url.reveal()],
        name=name,
        user=address.user,
        password=address.password.reveal() if address.password else None,
        user_credentials=RawCredentials(address.credentials.reveal()) if address.credentials else None,
        error_cb=on_error,
        disconnected_cb=bus.disconnected,
        reconnected_cb=bus.reconnected,
        reconnect_to_server_handler=next_server,
        max_reconnect_attempts=-1,
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        # No buffer: what is published while disconnected would be delivered stale; and a full buffer makes the
        # library swallow cancellation (nats-py 2.16, Client._flush_pending).
        pending_size=0,
    )
    return bus


def _check_version(client: Client) -> None:
    version = client.connected_server_version
    if (version.major, version.minor) < OLDEST_SERVER:
        wanted = ".".join(map(str, OLDEST_SERVER))
        raise BusMisfit(f"nats-server is {version.major}.{version.minor}.{version.patch}; {wanted} or later is needed")
