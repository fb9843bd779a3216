"""nats-servers under test: one alone, or three as a cluster. Their ports stay the same over restarts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import free_port
from chaos.service import Service
from vedette.bus.embedded_nats import server_binary

_MEMORY_MIB, _FILE_MIB = 512, 2048


@dataclass(frozen=True)
class Ports:
    """Of one server."""

    clients: int
    routes: int

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.clients}"


class Broker(Service):
    """Ready when it greets."""

    def __init__(self, number: int, ports: Sequence[Ports], folder: Path, store: Path) -> None:
        """Server `number` of as many as there are `ports`; what it keeps lies in `store`."""
        self.ports = ports[number]
        self.store = store
        name = f"nats-{number}"
        file = folder / f"{name}.conf"
        file.write_text(_settings(name, self.ports, ports if len(ports) > 1 else (), store))
        super().__init__("nats-server", name, [str(server_binary()), "--config", str(file)], folder, None, {})

    async def ready(self) -> bool:
        if self.pid is None:
            return False
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.clients)
                writer_said = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return writer_said.startswith(b"INFO")


def free_ports(servers: int) -> list[Ports]:
    return [Ports(free_port(), free_port()) for _ in range(servers)]


def _settings(name: str, own: Ports, peers: Sequence[Ports], store: Path) -> str:
    lines = [
        f"listen: 127.0.0.1:{own.clients}",
        f"server_name: {name}",
        "jetstream {",
        f'  store_dir: "{store}"',
        f"  max_memory_store: {_MEMORY_MIB * 2**20}",
        f"  max_file_store: {_FILE_MIB * 2**20}",
        "}",
    ]
    if peers:
        routes = ", ".join(f"nats://127.0.0.1:{peer.routes}" for peer in peers)
        lines += ["cluster {", "  name: chaos", f"  listen: 127.0.0.1:{own.routes}", f"  routes: [{routes}]", "}"]
    return "\n".join([*lines, ""])
