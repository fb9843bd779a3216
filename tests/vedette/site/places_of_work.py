"""A hub and a site, each with the embedded server of `vedette up`, and a link between them that can be cut."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from nats.errors import Error as NatsError
from ruamel.yaml import YAML

from tests.free_ports import free_port
from tests.vedette.site.link import Link, linked
from tests.waiting import DEADLINE_S, until, until_async
from vedette.background import background
from vedette.bus.address import address_of
from vedette.bus.connection import Bus, connect
from vedette.bus.embedded_nats import EmbeddedNats
from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.config.site_settings import Uplink
from vedette.process.child import die_with_parent
from vedette.roles.permissions import Role
from vedette.site.edge_stream import held_by
from vedette.site.hub_keeper import HubKeeper
from vedette.site.site_files import Wanted, write_site
from vedette.streams import DETECTIONS, EVENTS

SITE = "plant-1"
SMALL = {"detections_gib": 0.25, "events_gib": 0.25, "snapshots_gib": 0.1, "clips_mib": 16, "dead_mib": 16}


class Place:
    """A machine with the embedded server."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.server = EmbeddedNats(config)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.server.prepare()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self.server.command(), stderr=log, preexec_fn=die_with_parent)

    async def reload(self) -> None:
        """As `nats-server --signal reload`, until it is done: who connects meanwhile may be refused."""
        assert self._process is not None
        before = self._reloads()
        self._process.send_signal(signal.SIGHUP)
        await until(lambda: self._reloads() > before, "the server has read its files again")

    def _reloads(self) -> int:
        return self._log.read_text().count("Reloaded server configuration")

    @property
    def _log(self) -> Path:
        return self.server.folder / "nats-server.log"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.server.release()

    @property
    def leaf_port(self) -> int:
        return self.config.listen.leaf.port

    def restart_with(self, user: Path) -> None:
        """A hub, which knows one user more then."""
        users = self.server.folder / "sites"
        users.mkdir(exist_ok=True)
        (users / user.name).write_text(user.read_text())
        self.kill()
        self.start()

    async def connect(self, role: Role) -> Bus:
        address = await asyncio.to_thread(address_of, self.config, role)
        return await connect(address, "test", give_up_after_s=30, keeps_streams=role != "subscriber")


class TakesSites(Protocol):
    """A hub, as far as a site needs one."""

    @property
    def leaf_port(self) -> int: ...

    def restart_with(self, user: Path) -> None:
        """It knows one user more then."""


class Edge(Place):
    """A site, and what cuts it off."""

    def __init__(self, config: Config, link: Link) -> None:
        super().__init__(config)
        self.link = link


def hub_config(**hub: object) -> Config:
    listen = {"nats": "127.0.0.1:0", "leaf": f"127.0.0.1:{free_port()}"}
    return Config.model_validate({"site": "cloud", "hub": hub, "listen": listen, "retention": SMALL})


@asynccontextmanager
async def running_hub(config: Config) -> AsyncIterator[Place]:
    hub = await asyncio.to_thread(Place, config)
    await asyncio.to_thread(hub.start)
    try:
        yield hub
    finally:
        await asyncio.to_thread(hub.kill)


@asynccontextmanager
async def gateway_of(folder: Path, site: str, hub: Place) -> AsyncIterator[tuple[Config, Link]]:
    """A site that sends frames, as `vedette site init --frames` makes it: its configuration and its way to the hub."""
    async with linked(0) as link:

        def start() -> Config:
            wanted = Uplink.model_validate({"url": f"nats://127.0.0.1:{link.port}", "password_file": "x"})
            write_site(Wanted(site, wanted, frames=True), folder / site)
            hub.restart_with(folder / site / "hub" / f"{site}.conf")
            return load_config(folder / site / "site" / "site.yaml")

        config = await asyncio.to_thread(start)
        address = await asyncio.to_thread(address_of, hub.config)
        link.far_port = int(address.url.reveal().rpartition(":")[2])
        yield config, link


@asynccontextmanager
async def running_site(
    folder: Path, site: str, hub: TakesSites, retention: dict[str, float] | None = None, **uplink: object
) -> AsyncIterator[Edge]:
    """As `vedette site init` makes it. The hub has to be told of its user: it is started (again) here."""
    port = await asyncio.to_thread(lambda: hub.leaf_port)
    async with linked(port) as link:
        scheme = "tls" if "tls" in uplink else "nats"
        wanted = Uplink.model_validate({"url": f"{scheme}://127.0.0.1:{link.port}", "password_file": "x", **uplink})
        config = await asyncio.to_thread(_initiated, folder, Wanted(site, wanted), retention)
        edge = await asyncio.to_thread(Edge, config, link)

        def start() -> None:
            hub.restart_with(folder / site / "hub" / f"{site}.conf")
            edge.start()

        await asyncio.to_thread(start)
        try:
            async with await edge.connect("operator"):  # the streams are there, as with any process of Vedette
                pass
            yield edge
        finally:
            await asyncio.to_thread(edge.kill)


def _initiated(folder: Path, wanted: Wanted, retention: dict[str, float] | None) -> Config:
    write_site(wanted, folder / wanted.site)
    path = folder / wanted.site / "site" / "site.yaml"
    settings = YAML(typ="safe").load(path)
    settings |= {"listen": {"nats": "127.0.0.1:0"}, "retention": SMALL | (retention or {})}
    if wanted.uplink.tls is not None:
        settings["uplink"]["tls"] = wanted.uplink.tls.model_dump(mode="json", exclude_none=True)
    path.write_text(json.dumps(settings))
    return load_config(path)


async def numbers(bus: Bus, stream: str, of: str) -> list[str]:
    """The payloads of a stream, in its order."""
    info = await bus.jetstream.stream_info(stream)
    found: list[str] = []
    if info.state.messages == 0:
        return found
    subscription = await bus.jetstream.subscribe(f"vedette.{of}.>", stream=stream, ordered_consumer=True)
    for _ in range(info.state.messages):
        message = await subscription.next_msg(timeout=30)
        found.append(message.data.decode().strip())
    await subscription.unsubscribe()
    return found


class Producer:
    """Publishes numbered messages at a site, as an inference process and an events worker would."""

    def __init__(self, worker: Bus, events_worker: Bus, site: str, padding: int = 0) -> None:
        self._worker = worker
        self._events_worker = events_worker
        self._site = site
        self._padding = padding
        self.detections: list[str] = []
        self.events: list[str] = []

    async def publish(self, count: int, event_every: int = 5) -> None:
        for _ in range(count):
            number = len(self.detections)
            text = f"{number}"
            camera = f"camera-{number % 3}"
            subject = f"vedette.detections.{self._site}.{camera}.people"
            payload = text.ljust(self._padding).encode()
            await self._worker.publish_confirmed(subject, payload, {}, f"{self._site}/d/{number}")
            self.detections.append(text)
            if number % event_every == 0:
                subject = f"vedette.events.{self._site}.{camera}.object.new"
                await self._events_worker.publish_confirmed(subject, payload, {}, f"{self._site}/e/{number}")
                self.events.append(text)


async def until_count(bus: Bus, stream: str, count: int, deadline_s: float = DEADLINE_S) -> None:
    async def there() -> bool:
        try:
            return (await bus.jetstream.stream_info(stream)).state.messages >= count
        except (NatsError, TimeoutError):  # its leader has just died
            return False

    await until_async(there, f"{stream} has {count} messages", deadline_s)


async def until_linked(hub: Bus, site: str) -> None:
    await until_async(lambda: held_by(hub, site, DETECTIONS), f"{site} answers at the hub")


async def all_there(bus: Bus, producer: Producer, deadline_s: float = DEADLINE_S) -> None:
    await until_count(bus, DETECTIONS, len(producer.detections), deadline_s)
    await until_count(bus, EVENTS, len(producer.events), deadline_s)


@asynccontextmanager
async def producing(edge: Edge, padding: int = 0) -> AsyncIterator[Producer]:
    async with await edge.connect("inference") as worker, await edge.connect("events") as events_worker:
        yield Producer(worker, events_worker, edge.config.site, padding)


@asynccontextmanager
async def keeping(bus: Bus, *sites: str) -> AsyncIterator[HubKeeper]:
    """What `vedette hub` runs."""
    keeper = HubKeeper(bus, lambda: sites)
    async with background(keeper.run()):
        yield keeper
