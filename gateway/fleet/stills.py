"""Answers those who ask for a picture of a camera's main stream (`vedette.stills`)."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from gateway.metrics import STILLS
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.stills import StillWanted
from vedette.subjects import still

logger = logging.getLogger(__name__)

_MOST_WAITING = 16
"""Requests of a camera; they are answered one after the other. What comes beyond is dropped, and not answered."""

Ask = Callable[[float], Awaitable[bytes | None]]
"""For the picture that came at this moment (Unix seconds); None: somebody else is to answer."""


@asynccontextmanager
async def stills_given(bus: Bus, site: str, camera: str, ask: Ask) -> AsyncIterator[None]:
    """Answer within this. Raises BusUnavailable: the connection was closed."""

    async def on_message(message: Msg) -> None:
        try:
            await _answer(bus, camera, message, ask)
        except NatsError as error:
            logger.info("a picture of the main stream was not answered: %s", describe(error))

    try:
        subscription = await bus.client.subscribe(still(site, camera), cb=on_message, pending_msgs_limit=_MOST_WAITING)
    except NatsError as error:
        raise BusUnavailable(describe(error)) from error
    try:
        yield
    finally:
        with suppress(NatsError):
            await subscription.unsubscribe()


async def _answer(bus: Bus, camera: str, message: Msg, ask: Ask) -> None:
    if not message.reply:
        return
    try:
        wanted = StillWanted.model_validate_json(message.data)
    except ValidationError as error:
        logger.warning("malformed request on %s: %s errors", message.subject, error.error_count())
        jpeg: bytes | None = b""
    else:
        jpeg = await ask(wanted.arrived_at.timestamp())
    if jpeg is None:
        return
    if len(jpeg) > bus.client.max_payload:
        logger.warning("a picture of the main stream has %s bytes: more than the server's max_payload", len(jpeg))
        jpeg = b""
    STILLS.labels(camera, "given" if jpeg else "missing").inc()
    await message.respond(jpeg)
