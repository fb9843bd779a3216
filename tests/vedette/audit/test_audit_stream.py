"""The stream of the audit log."""

import pytest
from nats.js.errors import APIError

from vedette.bus.connection import Bus
from vedette.streams import AUDIT


async def test_nobody_takes_anything_out_of_the_audit_log(bus: Bus) -> None:
    """On a server where there are no permissions at all."""
    await bus.publish_confirmed("vedette.audit.plant-1", b"{}", {})
    with pytest.raises(APIError, match="purge"):
        await bus.jetstream.purge_stream(AUDIT)
    with pytest.raises(APIError):
        await bus.jetstream.delete_msg(AUDIT, 1)
