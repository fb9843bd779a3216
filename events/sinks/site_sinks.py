"""All sinks of a site's configuration, as one worker runs them."""

import asyncio
import logging

from events.sinks.sink import Sink
from vedette.background import end
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.errors import VedetteError
from vedette.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

_AFTER_A_DEFECT_S = 5.0


class SiteSinks:
    """Each is run by whichever of the events workers has its lease."""

    def __init__(self, bus: Bus, config: Config, owner: str, tracer: Tracer | None = None) -> None:
        """`tracer`: where frames are traced."""
        site = config.site
        self._sinks = [Sink(bus, site, name, settings, owner, tracer) for name, settings in config.sinks.items()]

    @property
    def waiting(self) -> dict[str, int]:
        """Events that wait, by the name of each sink that is this worker's now."""
        return {sink.name: sink.waiting for sink in self._sinks if sink.held}

    async def run(self) -> None:
        """Deliver until cancelled.

        Raises ConfigError.
        """
        tasks = [asyncio.create_task(_kept(sink)) for sink in self._sinks]
        try:
            for task in asyncio.as_completed(tasks):
                await task
            await asyncio.Event().wait()  # there are none
        finally:
            await end(tasks)


async def _kept(sink: Sink) -> None:
    while True:
        try:
            await sink.run()
        except VedetteError:
            raise
        except Exception:  # a defect of one sink ends no other, and no events
            logger.exception("sink %s: internal error; it begins anew", sink.name)
            await asyncio.sleep(_AFTER_A_DEFECT_S)
