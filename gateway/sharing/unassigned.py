"""Says of cameras that no gateway has room for that it is so: nobody else would say anything of them."""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from nats.errors import Error as NatsError

from gateway import metrics
from vedette.bus.connection import Bus, describe
from vedette.messages import CLOUDEVENT_CONTENT_TYPE, UNASSIGNED, Status, status_event
from vedette.subjects import status as status_subject

logger = logging.getLogger(__name__)

_LASTS_S = 2.0
"""It is said when it has lasted so long: at a start cameras are measured before more are taken."""
_EVERY_S = 10.0


@dataclass(slots=True)
class _Camera:
    seen_s: float
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    said_s: float | None = None


class Unassigned:
    """Told by each plan; what it says replaces what the camera's last gateway said."""

    def __init__(self, bus: Bus, site: str, gateway: str) -> None:
        self._bus = bus
        self._site = site
        self._gateway = gateway
        self._cameras: dict[str, _Camera] = {}

    async def tell(self, now_s: float, reasons: Mapping[str, str]) -> None:
        """These cameras are without a gateway now, and why."""
        self._cameras = {name: self._cameras.get(name) or _Camera(now_s) for name in reasons}
        lasting = {name: one for name, one in self._cameras.items() if now_s - one.seen_s >= _LASTS_S}
        metrics.UNASSIGNED.set(len(lasting))
        for name, camera in lasting.items():
            if camera.said_s is None:
                logger.warning("%s is unassigned: %s", name, reasons[name])
            if (camera.said_s is None or now_s - camera.said_s >= _EVERY_S) and self._bus.connected:
                camera.said_s = now_s
                await self._say(name, reasons[name], camera.since)

    async def _say(self, name: str, reason: str, since: dt.datetime) -> None:
        said = Status(site=self._site, camera=name, state=UNASSIGNED, reason=reason, since=since, gateway=self._gateway)
        event = status_event(said, dt.datetime.now(dt.UTC))
        headers = {"Content-Type": CLOUDEVENT_CONTENT_TYPE, "Nats-Msg-Id": event.id}
        payload = event.model_dump_json(exclude_none=True).encode()
        try:
            await self._bus.client.publish(status_subject(self._site, name), payload, headers=headers)
        except NatsError as error:
            logger.debug("status: %s", describe(error))
