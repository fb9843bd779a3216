"""One sink in the hands of this worker.

A sink has one worker at a time, by a lease. A camera's events go out one after the other: the next is sent when the one
before is delivered, or is a dead letter. Cameras don't wait for one another, up to `in_flight` events at a time. At
most 256 events are in hand; what follows waits in the stream.

Whatever goes wrong on our side (the lease lost, the bus gone) ends in the same way: all that is in hand is thrown away,
and read again from the first event that is not acknowledged. So an event may be delivered twice, and none is left out.
"""

import asyncio
import contextlib
import datetime as dt
import logging
from time import monotonic

from events import metrics
from events.errors import ReaderBroken, SinkLost
from events.sinks.delivery import Delivery, Receiver
from events.sinks.history import History
from events.sinks.lanes import Lanes
from events.sinks.receivers import receiver_of
from events.sinks.sink_event import SinkEvent, sink_event, wanted
from events.sinks.sink_reader import SinkReader
from vedette.background import background, end
from vedette.bus.connection import Bus
from vedette.config.sinks_settings import Sink as SinkSettings
from vedette.errors import VedetteError
from vedette.fleet.leases import Lease
from vedette.retry import Backoff, Retry
from vedette.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

_AGAIN = Backoff(first_s=0.2, cap_s=5.0, healthy_after_s=10.0)
_LOOK_EVERY_S = 2.0
_FINISH_S = 1.0
"""What is under way when the worker ends has so long to be answered; else it is sent again."""


class Sink:
    """Runs until cancelled."""

    def __init__(
        self, bus: Bus, site: str, name: str, settings: SinkSettings, owner: str, tracer: Tracer | None = None
    ) -> None:
        self.name = name
        self._bus = bus
        self._site = site
        self._settings = settings
        self._tracer = tracer
        self._lease = Lease(bus, f"SINK.{site}.{name}", owner)
        self._history = History()
        self._waiting = 0

    @property
    def held(self) -> bool:
        """Whether the sink is ours now."""
        return self._lease.held

    @property
    def waiting(self) -> int:
        """Events that it has still to get, as of a moment ago; 0 where it isn't ours."""
        return self._waiting

    async def run(self) -> None:
        """Deliver whenever the sink can be had."""
        retry = Retry(_AGAIN)
        async with background(self._lease.run()), receiver_of(self._settings) as receiver:
            while True:
                await self._lease.until_held()
                began_s = monotonic()
                try:
                    await self._deliver_all(receiver)
                except VedetteError as error:
                    level = logging.WARNING if self._bus.connected else logging.DEBUG
                    logger.log(level, "sink %s begins anew: %s", self.name, error)
                finally:
                    self._forget_figures()
                await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    async def _deliver_all(self, receiver: Receiver) -> None:
        """Until something goes wrong, which is raised."""
        delivery = Delivery(
            self._bus, self._site, self.name, self._settings, self._lease, receiver, self._history, self._tracer
        )
        async with SinkReader(self._bus, self._site, self.name, self._settings) as reader:

            async def deliver(event: SinkEvent) -> None:
                await delivery.deliver(event)
                await reader.acknowledge(event.reply)

            lanes = Lanes(deliver)
            work = [
                asyncio.create_task(self._read(reader, lanes)),
                asyncio.create_task(self._look(reader, lanes)),
                asyncio.create_task(lanes.failed()),
            ]
            try:
                await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Not a task group, which cancels once: a request of the library may swallow that.
                await end(work)
                await delivery.finish(_FINISH_S)
                await lanes.close()
        for task in work:
            if not task.cancelled():
                task.result()

    async def _read(self, reader: SinkReader, lanes: Lanes[SinkEvent]) -> None:
        while True:
            event = sink_event(await reader.next())
            if self._history.is_done(event) or not wanted(self._settings, event):
                await reader.acknowledge(event.reply)
            else:
                lanes.add(event.lane, event)

    async def _look(self, reader: SinkReader, lanes: Lanes[SinkEvent]) -> None:
        """Say how far it is; find out what the server gave to somebody else who never said so."""
        missing: tuple[int, ...] = ()
        while True:
            try:
                place = await reader.place()
            except ReaderBroken as error:  # whether it is, is found out by reading
                logger.debug("sink %s: %s", self.name, error)
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            in_hand = reader.unread + len(lanes)
            self._waiting = (place.num_pending or 0) + (place.num_ack_pending or 0)
            metrics.SINK_WAITING.labels(self.name).set(self._waiting)
            metrics.SINK_LAG.labels(self.name).set(_age_s(lanes))
            # While there is progress the server may not have counted our latest acknowledgements yet.
            now = (reader.delivered, place.num_ack_pending or 0, in_hand)
            if (place.num_ack_pending or 0) <= in_hand:
                missing = ()
            elif missing == now:
                raise SinkLost("events of it are with somebody else")
            else:
                missing = now
            await asyncio.sleep(_LOOK_EVERY_S)

    def _forget_figures(self) -> None:
        self._waiting = 0
        for gauge in (metrics.SINK_WAITING, metrics.SINK_LAG):
            with contextlib.suppress(KeyError):
                gauge.remove(self.name)


def _age_s(lanes: Lanes[SinkEvent]) -> float:
    now = dt.datetime.now(dt.UTC)
    return max((max(0.0, (now - event.stored_at).total_seconds()) for event in lanes.oldest()), default=0.0)
