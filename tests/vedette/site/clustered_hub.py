"""A hub of three nats-servers with `configs/cloud/nats.conf`: TLS everywhere, streams in three copies."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.free_ports import free_ports
from tests.gateway.certificates import Certificate, self_signed
from tests.vedette.site.places_of_work import SITE, SMALL
from vedette.bus.address import address_of
from vedette.bus.connection import Bus, connect
from vedette.bus.embedded_nats import server_binary
from vedette.config.config import Config
from vedette.process.child import die_with_parent
from vedette.roles.command import write_users
from vedette.roles.permissions import Place, Role

SHIPPED = Path(__file__).parents[3] / "configs" / "cloud" / "nats.conf"
SERVERS = 3


class ClusteredHub:
    """`kill` and `start` are of one server, by its number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate: Certificate = self_signed(folder, "127.0.0.1")
        ports = free_ports(3 * SERVERS)
        self.ports, self.routes, self.leaf_ports = ports[:SERVERS], ports[SERVERS : 2 * SERVERS], ports[2 * SERVERS :]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        write_users(folder / "roles", Place())
        for number in range(SERVERS):
            (folder / f"{number}.conf").write_text(self._text(number))

    @property
    def leaf_port(self) -> int:
        """Of the first server."""
        return self.leaf_ports[0]

    def start(self, number: int) -> None:
        command = [str(server_binary()), "--config", str(self.folder / f"{number}.conf")]
        log = ["--log", str(self.folder / f"{number}.log")]
        self._processes[number] = subprocess.Popen([*command, *log], preexec_fn=die_with_parent)

    def kill(self, number: int) -> None:
        process = self._processes.pop(number)
        process.kill()
        process.wait()

    def restart_with(self, user: Path) -> None:
        """Without a restart: `vedette roles` and a reload, as docs/edge.md says."""
        sites = self.folder / "roles" / "sites"
        sites.mkdir(exist_ok=True)
        shutil.copy(user, sites)
        write_users(self.folder / "roles", Place())
        for process in self._processes.values():
            process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        for number in list(self._processes):
            self.kill(number)

    async def connect(self, role: Role) -> Bus:
        """To the first server; the library learns of the others from it."""
        nats = {
            "url": f"tls://127.0.0.1:{self.ports[0]}",
            "roles": str(self.folder / "roles"),
            "tls": {"ca": str(self.certificate.pem)},
            "replicas": SERVERS,
        }
        config = Config.model_validate({"site": "cloud", "hub": {"sites": [SITE]}, "nats": nats, "retention": SMALL})
        address = await asyncio.to_thread(address_of, config, role)
        return await connect(address, "test", give_up_after_s=60)

    def _text(self, number: int) -> str:
        text = SHIPPED.read_text()
        for shipped, ours in (
            ("server_name: hub", f"server_name: hub-{number}"),
            ("0.0.0.0:4222", f"127.0.0.1:{self.ports[number]}"),
            ("http: 127.0.0.1:8222\n", ""),
            ("0.0.0.0:7422", f"127.0.0.1:{self.leaf_ports[number]}"),
            ('"/data"', f'"{self.folder / f"data-{number}"}"'),
            ("/etc/nats/server.pem", str(self.certificate.pem)),
            ("/etc/nats/server.key", str(self.certificate.key)),
        ):
            assert shipped in text
            text = text.replace(shipped, ours)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes)
        return f'{text}\ncluster {{ name: hub, listen: "127.0.0.1:{self.routes[number]}", routes: [{routes}] }}\n'


@asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[ClusteredHub]:
    folder.mkdir()
    hub = await asyncio.to_thread(ClusteredHub, folder)
    try:
        for number in range(SERVERS):
            await asyncio.to_thread(hub.start, number)
        yield hub
    finally:
        await asyncio.to_thread(hub.close)
