"""One event after the other to a receiver, each until it is delivered or a dead letter."""

import asyncio
import contextlib
import datetime as dt
import logging
from time import monotonic
from typing import Protocol

from events import metrics
from events.errors import SinkLost
from events.sinks.dead_letters import AGE, ATTEMPTS, REFUSED, bury
from events.sinks.delivery_trace import begun
from events.sinks.history import History
from events.sinks.sink_event import SinkEvent
from events.sinks.verdict import Outcome, Verdict
from vedette.bus.connection import Bus
from vedette.config.sinks_settings import Sink as SinkSettings
from vedette.errors import MessageTooLarge
from vedette.fleet.leases import Lease
from vedette.retry import Backoff, Retry
from vedette.tracing.tracer import Tracer

logger = logging.getLogger(__name__)


class Receiver(Protocol):
    """Whom events are sent to."""

    async def send(self, event: SinkEvent) -> Verdict: ...


class Delivery:
    """Of one sink, while its lease is ours."""

    def __init__(
        self,
        bus: Bus,
        site: str,
        name: str,
        settings: SinkSettings,
        lease: Lease,
        receiver: Receiver,
        history: History,
        tracer: Tracer | None = None,
    ) -> None:
        self._bus = bus
        self._site = site
        self._name = name
        self._settings = settings
        self._lease = lease
        self._receiver = receiver
        self._room = asyncio.Semaphore(settings.in_flight)
        self._history = history
        self._tracer = tracer
        self._ending = False

    async def deliver(self, event: SinkEvent) -> None:
        """Returns when it is delivered, or kept as a dead letter.

        Raises:
            SinkLost: another worker has the sink, or may have it by now.
            BusUnavailable: the dead letter may not be stored.
        """
        retry = Retry(Backoff(self._settings.first_wait_s, self._settings.longest_wait_s))
        trace = begun(self._tracer, self._name, event)
        while True:
            verdict = await self._attempt(event)
            if verdict.outcome is Outcome.DELIVERED:
                metrics.SINK_EVENTS.labels(self._name, "delivered").inc()
                break
            event.attempts = self._history.failed(event)
            reason = self._dead_because(event, verdict)
            if reason is not None:
                await self._bury(event, reason, verdict.said)
                break
            metrics.SINK_RETRIES.labels(self._name).inc()
            logger.warning("sink %s: %s %s; its events wait", self._name, self._settings.to, verdict.said)
            await asyncio.sleep(retry.wait_s(0.0, verdict.wait_s))
        self._history.done(event)
        if trace is not None:
            trace.done(event, None if verdict.outcome is Outcome.DELIVERED else verdict.said)

    async def finish(self, within_s: float) -> None:
        """Send nothing more, and wait for the answers to what is under way."""
        self._ending = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for _ in range(self._settings.in_flight):
                    await self._room.acquire()

    async def _attempt(self, event: SinkEvent) -> Verdict:
        while True:
            await asyncio.sleep(max(0.0, self._history.not_before_s - monotonic()))
            async with self._room:
                if monotonic() < self._history.not_before_s:
                    continue
                if self._ending or not self._lease.held:
                    raise SinkLost("the lease has run out")
                verdict = await self._receiver.send(event)
                self._history.not_before_s = max(self._history.not_before_s, monotonic() + verdict.pause_s)
                return verdict

    def _dead_because(self, event: SinkEvent, verdict: Verdict) -> str | None:
        if verdict.outcome is Outcome.REFUSED:
            return REFUSED
        if event.attempts >= self._settings.attempts:
            return ATTEMPTS
        age = dt.datetime.now(dt.UTC) - event.stored_at
        return AGE if age > dt.timedelta(hours=self._settings.give_up_after_h) else None

    async def _bury(self, event: SinkEvent, reason: str, said: str) -> None:
        metrics.SINK_EVENTS.labels(self._name, "dead").inc()
        logger.warning("sink %s: %s %s: dead letters (%s)", self._name, self._settings.to, said, reason)
        try:
            await bury(self._bus, self._site, self._name, event, reason, said)
        except MessageTooLarge as error:
            logger.error("sink %s: an event is left out: %s", self._name, error)
