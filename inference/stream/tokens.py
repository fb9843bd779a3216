"""Messages of a work queue that this worker has in hand: kept alive while it works, then confirmed or given back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus.connection import Bus, describe
from vedette.consumers import ACK_WAIT_S
from vedette.errors import MalformedMessage
from vedette.ids import is_id
from vedette.messages import Served
from vedette.subjects import Feed

logger = logging.getLogger(__name__)

_PROGRESS_EVERY_S = ACK_WAIT_S / 4
_AT_ONCE, _LATER = b"-NAK", b'-NAK {"delay":500000000}'


class Tokens:
    """What is in hand. Whatever is neither confirmed nor kept alive is delivered to another worker."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._held: dict[str, float] = {}

    async def keep_alive(self) -> None:
        """Tell the server every quarter of the acknowledgement wait that we are still at it; never returns."""
        while True:
            await asyncio.sleep(_PROGRESS_EVERY_S)
            now_s = monotonic()
            for reply in [reply for reply, since_s in self._held.items() if now_s - since_s >= _PROGRESS_EVERY_S]:
                await self._send(reply, b"+WPI")

    @asynccontextmanager
    async def held(self, message: Msg) -> AsyncIterator[None]:
        """The message is in hand while the body runs; given back if that is cancelled. Left unconfirmed, for instance
        after an unforeseen error, it is delivered again after the acknowledgement wait: never in a busy loop."""
        self._held[message.reply] = monotonic()
        try:
            yield
        except asyncio.CancelledError:
            await self.give_back(message)
            raise
        finally:
            self._held.pop(message.reply, None)

    async def confirm(self, message: Msg) -> bool:
        """Acknowledge, and wait until the server has it; only then may a camera's next token be taken."""
        self._held.pop(message.reply, None)
        if not self._bus.client.is_connected:
            return False
        try:
            await self._bus.client.request(message.reply, b"+ACK", timeout=ACK_WAIT_S)
        except (NatsError, TimeoutError) as error:
            logger.warning("not confirmed, so its frame may be served again: %s", describe(error))
            return False
        return True

    async def finish(self, message: Msg) -> None:
        """Acknowledge, and wait for nothing: delivered again, it does no harm."""
        self._held.pop(message.reply, None)
        await self._send(message.reply, b"+ACK")

    async def give_back(self, message: Msg, later: bool = False) -> None:
        """Let it be delivered again, to this or another worker: at once, or in half a second."""
        if self._held.pop(message.reply, None) is not None:
            await self._send(message.reply, _LATER if later else _AT_ONCE)

    async def tell_served(self, feed: Feed, note: Served) -> None:
        """Tell the gateway, after `confirm`."""
        try:
            await self._bus.client.publish(feed.served, note.model_dump_json(exclude_none=True).encode())
        except NatsError as error:
            logger.debug("served: %s", describe(error))

    async def _send(self, reply: str, word: bytes) -> None:
        try:
            await self._bus.client.publish(reply, word)
        except NatsError as error:
            logger.debug("%s: %s", word.decode(), describe(error))


def feed_of(message: Msg) -> Feed:
    """Whose message it is.

    Raises:
        MalformedMessage: its subject names no site.
    """
    feed = Feed.parse(message.subject)
    if not is_id(feed.site):
        raise MalformedMessage(f"{message.subject!r}: {feed.site!r} can't be a site")
    return feed
