"""An embedded server as `vedette up` configures it, and clients of each of its roles."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from nats.aio.client import Client

from vedette.bus.address import address_of
from vedette.bus.embedded_nats import EmbeddedNats
from vedette.config.config import Config
from vedette.process.child import die_with_parent
from vedette.roles.permissions import Role, inbox_of

CONFIG = Config.model_validate(
    {
        "site": "plant-1",
        "listen": {"nats": "127.0.0.1:0"},
        "retention": {"detections_gib": 0.5, "events_gib": 0.5, "snapshots_gib": 0.5, "clips_mib": 64},
        "sinks": {"alarm": {"webhook": "https://alarm.example/"}},
    }
)


@contextmanager
def embedded(config: Config = CONFIG) -> Iterator[EmbeddedNats]:
    """It runs while the body does."""
    server = EmbeddedNats(config)
    server.prepare()
    process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        yield server
    finally:
        process.kill()
        process.wait()
        server.release()


class RoleClient:
    """Notes what the server refuses it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.refused: list[str] = []

    async def note(self, error: Exception) -> None:
        self.refused.append(str(error).lower())

    async def settle(self) -> None:
        """What was sent before is refused by now, if it is."""
        await self.client.flush(30)
        await self.client.flush(30)


@asynccontextmanager
async def client_of(role: Role) -> AsyncIterator[RoleClient]:
    """Connected as `role`."""
    address = await asyncio.to_thread(address_of, CONFIG, role)
    client = Client()
    of = RoleClient(client)
    await client.connect(
        servers=[address.url.reveal()],
        user=address.user,
        password=address.password.reveal() if address.password else None,
        inbox_prefix=inbox_of(role),
        error_cb=of.note,
        connect_timeout=30,
    )
    try:
        yield of
    finally:
        await client.close()
