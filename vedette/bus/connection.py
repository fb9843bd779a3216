"""A process's one connection to NATS. It is kept for ever; the streams are ensured at start and at each reconnect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Self

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError
from nats.js.kv import KeyValue

from vedette.background import end
from vedette.bus.address import BusAddress
from vedette.bus.client import RECONNECT, open_client
from vedette.bus.stream_setup import ensure_buckets, ensure_streams
from vedette.errors import BusFull, BusMisfit, BusUnavailable, Conflict, MessageTooLarge
from vedette.process.metrics import BUS_CONNECTED, BUS_RECONNECTS
from vedette.retry import Retry
from vedette.roles.permissions import CHANGES_STREAMS
from vedette.roles.renewal import Access, RenewedClient, is_renewed, read_access, renewing

logger = logging.getLogger(__name__)

OLDEST_SERVER = (2, 14)
_CONFIRM_TIMEOUT_S = 2.0
_FULL = (10077,)
WRONG_SEQUENCE = (10071, 10164)
"""Codes of the server's errors where a message is expected to be behind another one than it would be."""
"""Error codes of JetStream for a message over the stream's limits: maximum messages (per subject) exceeded."""
HEADERS_AT_MOST_BYTES = 1024
"""What is kept free for headers in a message: those of frames, the id of a recording's frame, a `traceparent`."""

Listener = Callable[[], Awaitable[None]]


class Bus:
    """Use `async with await connect(...) as bus`. Nothing is buffered while disconnected: publishing fails at once."""

    def __init__(self, client: Client, address: BusAddress, keeps_streams: bool = True) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=_CONFIRM_TIMEOUT_S)
        self.refused: str | None = None
        """What the server last refused for lack of permission: it says so only here, never to who asked."""
        self._address = address
        self._keeps_streams = keeps_streams
        self._listeners: list[Listener] = []
        self._buckets: dict[str, KeyValue] = {}
        self._ready = False
        self.closing = False
        """`close` was called: no reconnecting any more."""
        self._lost = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def address(self) -> BusAddress:
        """Where it is connected to, and how the streams are to be there."""
        return self._address

    @property
    def connected(self) -> bool:
        """Connected, with the streams there: publishing makes sense."""
        return self._ready and self.client.is_connected

    def on_reconnect(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each reconnect, when the streams are there again, in the order of registration.

        What is returned ends that.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def until_lost(self) -> None:
        """Until the server ended the connection for good (credentials revoked, protocol violated); never otherwise.

        Raises:
            BusUnavailable: then. There is no way back: the process (or reader) has to connect anew.
        """
        await self._lost.wait()
        self.raise_if_lost()

    def raise_if_lost(self) -> None:
        """Raises:
        BusUnavailable: the server ended the connection for good; see `until_lost`.
        """
        if self._lost.is_set():
            raise BusUnavailable(f"{self._address.url}: the server ended the connection{self._last_error()}")

    async def publish_confirmed(
        self, subject: str, payload: bytes, headers: Mapping[str, str], message_id: str | None = None
    ) -> PubAck:
        """Publish to a stream and wait for its acknowledgement. A message with `message_id` is stored once.

        Raises:
            MessageTooLarge: over the server's `max_payload`; nothing was sent.
            BusFull: the stream holds as many messages of this subject as it may.
            Conflict: `headers` say which message is expected to be the last one there, and it isn't; nothing is stored.
            BusUnavailable: not connected, no stream, refused, or no answer in 2 s: it may or may not be stored.
        """
        self.check_size(subject, payload)
        if not self.client.is_connected:
            # The library would refuse it too, but keep a future for the answer for ever (nats-py 2.16).
            raise BusUnavailable(f"{subject}: not connected")
        extra = {"Nats-Msg-Id": message_id} if message_id else {}
        try:
            return await self.jetstream.publish(
                subject, payload, headers={**headers, **extra}, timeout=_CONFIRM_TIMEOUT_S
            )
        except APIError as error:
            if error.err_code in WRONG_SEQUENCE:
                raise Conflict(f"{subject}: {describe(error)}") from error
            full = error.err_code in _FULL
            raise (BusFull if full else BusUnavailable)(f"{subject}: {describe(error)}") from error
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{subject}: {describe(error)}") from error

    def check_size(self, subject: str, payload: bytes) -> None:
        """Refuse what the server would end the connection for.

        Raises:
            MessageTooLarge: payload and headers are over the server's `max_payload`.
        """
        if len(payload) + HEADERS_AT_MOST_BYTES > self.client.max_payload:
            raise MessageTooLarge(subject, len(payload), self.client.max_payload)

    def hand_over(self) -> None:
        """Give what was published to the socket now. The library does it in a later step of the event loop, and a
        process that is paused between the two publishes it when it goes on."""
        client = self.client
        if client.is_connected and client._pending and client._transport is not None:
            client._transport.writelines(client._pending)
            client._pending, client._pending_data_size = [], 0

    async def ensure(self) -> None:
        """Make the streams and buckets as they should be. Idempotent.

        Raises:
            BusMisfit: one exists with settings that can't be changed.
            BusUnavailable: the server doesn't answer.
        """
        if self._keeps_streams:
            changes = self._address.role is None or self._address.role in CHANGES_STREAMS
            await ensure_streams(self.jetstream, self._address, changes)
            await ensure_buckets(self.jetstream, self._address.replicas, changes)
        self._ready = True
        BUS_CONNECTED.set(1)

    async def bucket(self, name: str) -> KeyValue:
        """A KV bucket by name.

        Raises:
            NatsError, TimeoutError: not connected, or no such bucket.
        """
        if not self.client.is_connected:
            raise NatsError("not connected")
        if name not in self._buckets:
            self._buckets[name] = await self.jetstream.key_value(name)
        return self._buckets[name]

    async def settle(self) -> None:
        """Until the server has taken all that was sent before, subscriptions too, and has said what it refuses.

        Raises:
            NatsError: the connection is lost, or no answer in 10 s.
        """
        # The library's PING overtakes what its flusher still holds (nats-py 2.16): only the second one comes after.
        await self._flush(10)
        await self._flush(10)

    async def leave(self, subscription: Subscription) -> None:
        """End a subscription with a callback; it has then been called for all that the server sent before it knew.

        Raises:
            NatsError: the connection is lost, or no answer in 10 s.
        """
        # The library's `drain` sends its PING before the UNSUB (nats-py 2.16): what comes after the answer is lost.
        await self.client._send_unsubscribe(subscription._id)
        await self.settle()
        await _to_its_end(subscription.drain())  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Send what is under way and disconnect."""
        self._ready, self.closing = False, True
        BUS_CONNECTED.set(0)
        if self._renewing is not None:
            await end([self._renewing])
        client = self.client
        try:
            if client.is_connected:
                await self._flush(1)
        except (NatsError, TimeoutError) as error:
            logger.warning("the bus was left without a last flush: %s", describe(error))
        finally:  # cancelled or not
            if client.is_connected or client.is_connecting or client.is_reconnecting:  # else there is nothing to close
                await _closed(client)

    async def _flush(self, within_s: int) -> None:
        await _to_its_end(self.client.flush(within_s))

    def renew(self, access: Access) -> None:
        """Follow the files that `access` is from, where there are any, until closed."""
        if is_renewed(self._address):
            self._renewing = asyncio.create_task(renewing(self.client, self._address, access))

    async def disconnected(self) -> None:
        """Called by the client when the connection is lost."""
        self._ready = False
        BUS_CONNECTED.set(0)
        if not (self.client.is_closed or self.closing):
            logger.warning("the bus is gone; reconnecting")

    async def reconnected(self) -> None:
        """Called by the client when the connection is back."""
        BUS_RECONNECTS.inc()
        retry = Retry(RECONNECT)
        while self.client.is_connected and not self._ready:
            try:
                await self.ensure()
            except (BusUnavailable, BusMisfit) as error:
                logger.warning("after the reconnect: %s", error)
                await asyncio.sleep(retry.wait_s(0.0))
        if self.connected:
            logger.info("the bus is back")
            for listener in list(self._listeners):
                await _call(listener)

    async def ended(self) -> None:
        """Called by the client when it will not reconnect any more."""
        if not self.closing:
            logger.error("the server ended the connection to the bus%s", self._last_error())
            self._lost.set()

    def failed(self, error: Exception) -> None:
        """Called by the client with what went wrong in the background."""
        if "permissions violation" in str(error).lower():
            self.refused = describe(error)
        logger.log(logging.WARNING if self.client.is_connected else logging.DEBUG, "bus: %s", describe(error))

    def _last_error(self) -> str:
        error = self.client.last_error
        return f": {describe(error)}" if error else ""


async def _call(listener: Listener) -> None:
    # This runs inside the library's reconnecting, which an error would end for good.
    try:
        await listener()
    except Exception:
        logger.exception("after the reconnect")


async def _to_its_end(flushing: Coroutine[Any, Any, None]) -> None:
    # In a task of its own: cancelling the library's flush makes its reader fail at the answer (nats-py 2.16).
    task = asyncio.create_task(flushing)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())  # looked at, if we are gone
    await asyncio.shield(task)


async def _closed(client: Client) -> None:
    try:
        await client.close()
    except asyncio.CancelledError:
        # Ours, or that of the library's reconnecting task, which it cancels: both wait for the same end of the socket,
        # a future that is cancelled with the first who waits (nats-py 2.16). All else is closed by then.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise


def describe(error: BaseException) -> str:
    """An error of the client library in words; some of its errors have none."""
    if isinstance(error, APIError):
        return error.description or str(error)
    return str(error) or type(error).__name__


async def connect(
    address: BusAddress, name: str, give_up_after_s: float | None = None, keeps_streams: bool = True
) -> Bus:
    """Connect, retrying by the one policy, and ensure the streams (a mere reader doesn't: `keeps_streams` False).

    Raises:
        BusUnavailable: not within `give_up_after_s` (None: try for ever).
        BusMisfit: the server is older than 2.14 or refuses the credentials, or a stream exists with settings that
            can't be changed.
    """
    retry, started_s = Retry(RECONNECT), monotonic()
    while True:
        try:
            return await _connect_once(address, name, keeps_streams)
        except (OSError, NatsError, TimeoutError, BusUnavailable) as error:
            reason = f"{address.url}: {describe(error)}"
            if give_up_after_s is not None and monotonic() - started_s >= give_up_after_s:
                raise BusUnavailable(reason) from error
            if give_up_after_s is None and retry.failures % 10 == 0:
                logger.warning("no bus yet: %s", reason)
            await asyncio.sleep(retry.wait_s(0.0))


async def _connect_once(address: BusAddress, name: str, keeps_streams: bool) -> Bus:
    access = await asyncio.to_thread(read_access, address)
    client = RenewedClient()
    client.renewed = is_renewed(address)
    bus = Bus(client, address, keeps_streams)
    try:
        await open_client(client, address, access, name, bus)
        _check_version(client)
        await bus.ensure()
        bus.renew(access)
    except BaseException:
        await bus.close()
        raise
    return bus


def _check_version(client: Client) -> None:
    version = client.connected_server_version
    if (version.major, version.minor) < OLDEST_SERVER:
        wanted = ".".join(map(str, OLDEST_SERVER))
        raise BusMisfit(f"nats-server is {version.major}.{version.minor}.{version.patch}; {wanted} or later is needed")
