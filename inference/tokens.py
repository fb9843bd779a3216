"""Messages of a work queue that this worker has in hand: kept alive while it works, then confirmed or given back."""

import asyncio
import logging
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vedette.bus import Bus, describe
from vedette.messages import Served
from vedette.subjects import ACK_WAIT_S, Feed

logger = logging.getLogger(__name__)

_PROGRESS_EVERY_S = ACK_WAIT_S / 3


class Tokens:
    """What is in hand. Whatever is neither confirmed nor kept alive is delivered to another worker."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._held: dict[str, float] = {}

    async def keep_alive(self) -> None:
        """Tell the server about every third of the acknowledgement wait that we are still at it."""
        while True:
            await asyncio.sleep(_PROGRESS_EVERY_S)
            now_s = monotonic()
            for reply in [reply for reply, since_s in self._held.items() if now_s - since_s >= _PROGRESS_EVERY_S / 2]:
                await self._send(reply, b"+WPI")

    def hold(self, message: Msg) -> None:
        """The message is in hand from now on."""
        self._held[message.reply] = monotonic()

    async def confirm(self, message: Msg) -> bool:
        """Acknowledge, and wait until the server has it; only then may a camera's next token be taken."""
        self._held.pop(message.reply, None)
        try:
            await self._bus.client.request(message.reply, b"+ACK", timeout=ACK_WAIT_S)
        except (NatsError, TimeoutError) as error:
            logger.warning("not confirmed, so its frame may be served again: %s", describe(error))
            return False
        return True

    async def give_back(self, message: Msg) -> None:
        """Let it be delivered again, to this or another worker."""
        if self._held.pop(message.reply, None) is not None:
            await self._send(message.reply, b"-NAK")

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
