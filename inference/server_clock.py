"""How far the server's clock is from ours, so that a frame's age is right whatever this machine's clock says.

The offset is the server's time stamp less the middle of request and answer (D. Mills, RFC 5905 section 8, with one
time stamp for receipt and answer), of the fastest of a few requests.
"""

import asyncio
import datetime as dt
import json
import logging
import time

from nats.errors import Error as NatsError

from inference import metrics
from inference.latest_frames import moment
from vedette.bus import Bus, describe
from vedette.subjects import FRAMES

logger = logging.getLogger(__name__)

_EVERY_S = 30.0
_REQUESTS = 5
_WARN_OVER_S = 0.1


class ServerClock:
    """The time by the server's clock."""

    def __init__(self, bus: Bus) -> None:
        self.offset_s = 0.0
        """The server's clock less ours."""
        self._bus = bus

    def now(self) -> dt.datetime:
        """The time by the server's clock, UTC."""
        return dt.datetime.fromtimestamp(time.time() + self.offset_s, dt.UTC)

    async def run(self) -> None:
        """Measure every 30 s."""
        while True:
            try:
                await self.measure()
            except (NatsError, TimeoutError, KeyError, ValueError) as error:
                logger.debug("server clock: %s", describe(error))
            await asyncio.sleep(_EVERY_S)

    async def measure(self) -> None:
        """Measure the offset now. Raises what the client library raises."""
        _, self.offset_s = min([await self._one() for _ in range(_REQUESTS)])
        metrics.CLOCK_OFFSET.set(self.offset_s)
        if abs(self.offset_s) > _WARN_OVER_S:
            logger.warning("this machine's clock is %.0f ms off the server's", -self.offset_s * 1000)

    async def _one(self) -> tuple[float, float]:
        """Round trip and offset of one request, seconds."""
        before_s = time.time()
        answer = await self._bus.client.request(f"$JS.API.STREAM.INFO.{FRAMES}", b"", timeout=2)
        after_s = time.time()
        server_s = moment(json.loads(answer.data)["ts"]).timestamp()
        return after_s - before_s, server_s - (before_s + after_s) / 2
