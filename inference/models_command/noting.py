"""Changes of the repository by the command line go to the site's audit log."""

import logging

from vedette.audit.commands import note_command
from vedette.bus.address import address_of
from vedette.bus.connection import connect
from vedette.config.config import Config
from vedette.errors import BusError

logger = logging.getLogger(__name__)

_GIVE_UP_AFTER_S = 2.0


async def note_change(config: Config, action: str, target: str) -> None:
    """It was done just now, as `vedette models <action>`.

    A folder's files can be changed while the site doesn't run, and before it ever ran: where there is no bus, what was
    done stays done, and that it isn't noted is said.
    """
    try:
        address = address_of(config)
    except BusError as error:
        logger.debug("it is not in the audit log: %s", error)  # the site has never run on this machine
        return
    try:
        async with await connect(address, "models", give_up_after_s=_GIVE_UP_AFTER_S) as bus:
            await note_command(bus, config.site, f"models {action}", target)
    except BusError as error:
        logger.warning("it is not in the audit log: %s", error)
