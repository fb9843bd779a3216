"""A site's stream, asked through the link: what its server holds of it now."""

import json
from typing import Any

from nats.errors import Error as NatsError

from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.site.leaf_user import api_of
from vedette.site.places import Held

_ANSWER_WITHIN_S = 3.0


async def held_by(bus: Bus, site: str, stream: str) -> Held | None:
    """None: the link is down, or the site's server has no such stream (yet).

    Raises:
        BusUnavailable: the hub's own server is away.
    """
    if not bus.client.is_connected:
        raise BusUnavailable("not connected")
    try:
        message = await bus.client.request(f"{api_of(site)}.STREAM.INFO.{stream}", b"", timeout=_ANSWER_WITHIN_S)
        answer: dict[str, Any] = json.loads(message.data)
        state = answer["state"]
        return Held(int(state["first_seq"]), int(state["last_seq"]), str(answer["created"]))
    except (NatsError, TimeoutError, ValueError, KeyError, TypeError):  # what a site says is not to be trusted
        return None
