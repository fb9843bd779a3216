"""What goes to the audit log: noted at once, published when there is a bus, and never in the way of a request.

Who is not known could fill the log with attempts, and so push out what is in it: of theirs a few are kept.
"""

import asyncio
import datetime as dt
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic

from vedette.audit.message import Audit, AuditEvent, audit_event
from vedette.bus.connection import Bus
from vedette.errors import BusError
from vedette.messages import CLOUDEVENT_CONTENT_TYPE
from vedette.process.metrics import AUDIT_DROPPED
from vedette.retry import Backoff, Retry
from vedette.subjects import audit
from vedette.token_bucket import TokenBucket

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
_WAITING = 1000
_OF_UNKNOWN_PER_S, _OF_UNKNOWN_AT_ONCE = 0.1, 20
_HEADERS = {"Content-Type": CLOUDEVENT_CONTENT_TYPE}


class AuditTrail:
    """Of one process. Each entry is in its log too."""

    def __init__(self, site: str, now_s: Callable[[], float] = monotonic) -> None:
        self._site = site
        self._waiting: deque[AuditEvent] = deque()
        self._noted = asyncio.Event()
        self._of_unknown = TokenBucket(_OF_UNKNOWN_PER_S, _OF_UNKNOWN_AT_ONCE, now_s)

    def note(self, entry: Audit) -> None:
        """It has happened just now."""
        if entry.actor == UNKNOWN and not self._of_unknown.take():
            AUDIT_DROPPED.labels(UNKNOWN).inc()
            return
        event = audit_event(entry, dt.datetime.now(dt.UTC))
        logger.info("audit: %s %s %s %s", entry.actor, entry.action, entry.target or "", entry.outcome)
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft()
            AUDIT_DROPPED.labels("full").inc()
        self._waiting.append(event)
        self._noted.set()

    async def run(self, bus: Bus) -> None:
        """Publish what is noted; never returns. What the bus does not take is tried again."""
        retry = Retry(Backoff(first_s=0.2, cap_s=5.0))
        while True:
            await self._noted.wait()
            self._noted.clear()
            while self._waiting:
                event = self._waiting[0]
                try:
                    await publish(bus, event)
                except BusError as error:
                    logger.debug("the audit log waits: %s", error)
                    await asyncio.sleep(retry.wait_s(0.0))
                    continue
                retry = Retry(Backoff(first_s=0.2, cap_s=5.0))
                if self._waiting and self._waiting[0] is event:  # else it was pushed out meanwhile
                    self._waiting.popleft()


async def publish(bus: Bus, event: AuditEvent) -> None:
    """Store it.

    Raises:
        BusError: it may or may not be stored; again, it is not doubled.
    """
    payload = event.model_dump_json(exclude_none=True).encode()
    await bus.publish_confirmed(audit(event.data.site), payload, _HEADERS, event.id)
