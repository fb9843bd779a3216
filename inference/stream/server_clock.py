"""The time by the NATS server's clock, so that a frame's age is right whatever this machine's clock says.

Kept as an offset to the monotonic clock, which nobody sets: the server's time stamp less the middle of request and
answer (D. Mills, RFC 5905 section 8, with one time stamp for receipt and answer), of the fastest of a few requests.
"""

import asyncio
import datetime as dt
import json
import logging
import time

from nats.errors import Error as NatsError

from inference import metrics
from inference.stream.latest_frames import moment
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable
from vedette.streams import FRAMES

logger = logging.getLogger(__name__)

_EVERY_S = 30.0
_AGAIN_AFTER_S = 1.0
_REQUESTS = 5
_WARN_OVER_S = 0.1


class ServerClock:
    """`measure` once before it is asked for the time, then keep `run` running."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.delay_s = 0.0
        """Of a message on its way, as far as is known: half a round trip."""
        self._ahead_of_monotonic_s = time.time() - time.monotonic()
        self._answered = False
        self._warned = False
        bus.on_reconnect(self.measure)

    def now(self) -> dt.datetime:
        """The time by the server's clock, UTC; until it has been measured, by this machine's."""
        return dt.datetime.fromtimestamp(time.monotonic() + self._ahead_of_monotonic_s, dt.UTC)

    async def run(self) -> None:
        """Measure every 30 s, and after each reconnect: it may be another server."""
        while True:
            await self.measure()
            await asyncio.sleep(_EVERY_S if self._answered else _AGAIN_AFTER_S)

    async def measure(self) -> None:
        """Measure now; if the server doesn't answer, what is known stays."""
        try:
            round_trip_s, offset_s = min([await self._one() for _ in range(_REQUESTS)])
        except (NatsError, TimeoutError, BusUnavailable, KeyError, ValueError) as error:
            logger.debug("the server's clock: %s", describe(error))
            self._answered = False
            return
        self._answered = True
        self.delay_s = round_trip_s / 2
        self._ahead_of_monotonic_s = offset_s
        self._tell(time.monotonic() + offset_s - time.time())

    async def _one(self) -> tuple[float, float]:
        """Round trip, and the server's clock less the monotonic one; seconds."""
        if not self._bus.client.is_connected:
            raise BusUnavailable("not connected")
        before_s = time.monotonic()
        answer = await self._bus.client.request(f"$JS.API.STREAM.INFO.{FRAMES}", b"", timeout=2)
        after_s = time.monotonic()
        server_s = moment(json.loads(answer.data)["ts"]).timestamp()
        return after_s - before_s, server_s - (before_s + after_s) / 2

    def _tell(self, offset_s: float) -> None:
        metrics.CLOCK_OFFSET.set(offset_s)
        wrong = abs(offset_s) > _WARN_OVER_S
        if wrong and not self._warned:
            logger.warning("this machine's clock is %.0f ms off the NATS server's", -offset_s * 1000)
        self._warned = wrong
