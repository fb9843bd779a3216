"""What commands have told the audit log."""

import asyncio

from tests.nats_server import NatsServer
from vedette.audit.command import entries
from vedette.bus.connection import connect


def audited(server: NatsServer, site: str) -> list[tuple[str, str | None]]:
    """Action and target of each entry of a site."""

    async def read() -> list[tuple[str, str | None]]:
        async with await connect(server.address, "test") as bus:
            return [(event.data.action, event.data.target) async for event in entries(bus, site, 1000)]

    return asyncio.run(read())
