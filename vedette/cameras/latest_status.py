"""What cameras said of themselves last, read from the stream STATUS."""

import asyncio
from collections.abc import Iterable

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from pydantic import ValidationError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.messages import Status, StatusEvent
from vedette.streams import STATUS
from vedette.subjects import status as status_subject


async def latest_status(bus: Bus, site: str, cameras: Iterable[str]) -> dict[str, Status]:
    """The state of each camera that said something in the last 30 s; absent means unknown.

    Raises:
        BusUnavailable: not connected, or no answer.
    """
    names = list(cameras)
    try:
        found = await asyncio.gather(*(_status(bus, site, name) for name in names))
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"status: {describe(error)}") from error
    return {name: status for name, status in zip(names, found, strict=True) if status is not None}


async def _status(bus: Bus, site: str, camera: str) -> Status | None:
    try:
        stored = await bus.jetstream.get_last_msg(STATUS, status_subject(site, camera), direct=True)
        return StatusEvent.model_validate_json(stored.data or b"").data
    except (NotFoundError, ValidationError):
        return None
