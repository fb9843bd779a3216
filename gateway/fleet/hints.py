"""What others know of a scene: an object moves there, so its gate stays open and it may be sampled more often."""

import datetime as dt
import logging
from collections.abc import Callable
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.messages import Hint
from vedette.subjects import hint

logger = logging.getLogger(__name__)

LONGEST_S = 10.0
"""However late a hint says that the movement will end: nobody may keep a gate open by one word, or by a wrong clock."""

Hear = Callable[[float], None]
"""Told until when (monotonic, seconds) an object moves."""


class Hints:
    """Takes the hints of a site to its cameras."""

    def __init__(self, bus: Bus, site: str) -> None:
        self._bus = bus
        self._site = site
        self._cameras: dict[str, Hear] = {}

    async def start(self) -> None:
        """Listen. Raises BusUnavailable: the connection was closed."""
        try:
            await self._bus.client.subscribe(hint(self._site, "*"), cb=self._on_message)
        except NatsError as error:
            raise BusUnavailable(describe(error)) from error

    def tell(self, camera: str, hear: Hear) -> None:
        """A camera wants its hints from now on."""
        self._cameras[camera] = hear

    def forget(self, camera: str) -> None:
        self._cameras.pop(camera, None)

    async def _on_message(self, message: Msg) -> None:
        hear = self._cameras.get(message.subject.rpartition(".")[2])
        if hear is None:
            return
        try:
            until = Hint.model_validate_json(message.data).until
        except ValidationError as error:
            logger.warning("malformed hint on %s: %s errors", message.subject, error.error_count())
            return
        left_s = (until - dt.datetime.now(dt.UTC)).total_seconds()
        if left_s > 0:
            hear(monotonic() + min(left_s, LONGEST_S))
