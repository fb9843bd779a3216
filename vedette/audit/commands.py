"""Changes by the command line go to the audit log too: by which user of which machine."""

import asyncio
import datetime as dt
import getpass
import logging
import socket
from collections.abc import Sequence

from vedette.audit.message import Audit, audit_event
from vedette.audit.trail import publish
from vedette.bus.connection import Bus
from vedette.errors import BusError

logger = logging.getLogger(__name__)

MOST_TOLD = 100
"""Names in an entry."""


async def note_command(bus: Bus, site: str, action: str, target: str | None = None, keys: Sequence[str] = ()) -> None:
    """It was done just now; that it can't be noted is logged, and ends nothing."""
    user, host = await asyncio.to_thread(_who)
    entry = Audit(
        site=site,
        service="command",
        actor=user,
        address=host,
        action=f"vedette {action}",
        target=target,
        keys=tuple(keys),
        outcome="done",
    )
    try:
        await publish(bus, audit_event(entry, dt.datetime.now(dt.UTC)))
    except BusError as error:
        logger.warning("it is not in the audit log: %s", error)


def _who() -> tuple[str, str]:
    try:
        return getpass.getuser(), socket.gethostname()
    except (OSError, KeyError):  # a user without a name
        return "nobody known", socket.gethostname()
