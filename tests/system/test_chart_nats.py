"""The NATS servers of the chart, as it configures them: run on loopback, alone and as a cluster, and as a hub."""

import asyncio
import base64
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.free_ports import free_ports
from tests.gateway.certificates import self_signed
from tests.system.chart import Chart, Manifest, of_kind, one_of
from tests.system.chart_values import HUB
from tests.vedette.site.places_of_work import (
    SITE,
    all_there,
    hub_config,
    keeping,
    numbers,
    producing,
    running_hub,
    running_site,
    until_count,
)
from tests.waiting import until_async
from vedette.bus.address import BusAddress, address_of
from vedette.bus.connection import connect
from vedette.bus.embedded_nats import server_binary
from vedette.config.file import load_config
from vedette.config.site_settings import Uplink
from vedette.config.tls_settings import ClientTls
from vedette.errors import BusMisfit, BusUnavailable
from vedette.process.child import die_with_parent
from vedette.roles.permissions import ROLES
from vedette.secrets.secret import SecretUrl
from vedette.site.site_files import Wanted, write_site
from vedette.streams import EVENTS
from vedette.tls.client import load_client

VARIABLES = [f"NATS_{role.upper()}_PASSWORD" for role in (*ROLES, "route")]

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


class Servers:
    """What the StatefulSet would run, with free ports in place of 4222, 6222, 8222 and 7422, and loopback of names."""

    def __init__(self, folder: Path, values: dict[str, Any]) -> None:
        chart = Chart()
        self.manifests = chart.render(values)
        chart.close()
        stateful = one_of(self.manifests, "StatefulSet", "site-nats")["spec"]
        self.number: int = stateful["replicas"]
        self.ports = free_ports(4 * self.number)
        self.folder = folder
        self._config: str = one_of(self.manifests, "ConfigMap", "site-nats")["data"]["nats.conf"]
        (container,) = stateful["template"]["spec"]["containers"]
        self._workdir = container.get("workingDir") == "/run/secrets/nats-uplink"
        self._routes = [said for said in container["args"] if said.startswith("--routes=")]
        self.secrets = {
            secret["metadata"]["name"]: write_secret(secret, folder / secret["metadata"]["name"])
            for secret in of_kind(self.manifests, "Secret")
            if secret["type"] == "kubernetes.io/tls"
        }
        (folder / "sites").mkdir()
        self.uplink = folder / "uplink"
        self.uplink.mkdir()
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._children = [self._start(index) for index in range(self.number)]

    @property
    def leaf_port(self) -> int:
        return self.ports[3]

    def restart_with(self, user: Path) -> None:
        """A site's file is in the Secret `nats.leaf.users` before the server starts."""
        (self.folder / "sites" / user.name).write_text(user.read_text())
        (self.folder / "sites" / "kiosk.conf").write_text('user: "kiosk"\npassword: "p4ss"\n')
        self.start()

    @property
    def client_tls(self) -> ClientTls | None:
        """What Vedette's processes connect with; None: in plain text."""
        if not self.secrets:
            return None
        files = self.secrets["site-nats-client-tls"]
        return ClientTls(ca=files / "ca.crt", certificate=files / "tls.crt", key=files / "tls.key")

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        folder = self.folder / str(index)
        folder.mkdir()
        text = self._config.replace("/data", str(folder / "data")).replace("/tmp/nats.pid", str(folder / "pid"))
        text = text.replace("../../run/secrets/nats-sites", "../sites")
        text = text.replace("../../run/secrets/nats-uplink", "../uplink")
        if self.secrets:
            text = text.replace("/run/secrets/nats-tls", str(self.secrets["site-nats-tls"]))
        for usual, port in zip((4222, 6222, 8222, 7422), self.ports[4 * index :], strict=False):
            text = text.replace(f"0.0.0.0:{usual}", f"127.0.0.1:{port}")
        file = folder / "nats.conf"
        file.write_text(text)
        return subprocess.Popen(
            [str(server_binary()), f"--config={file}", *map(self._on_loopback, self._routes), "-l", folder / "log"],
            env={**os.environ, "POD_NAME": f"site-nats-{index}", **dict.fromkeys(VARIABLES, "p4ss")},
            cwd=self.uplink if self._workdir else None,
            preexec_fn=die_with_parent,
        )

    def _on_loopback(self, routes: str) -> str:
        for index, port in enumerate(self.ports[1::4]):
            routes = routes.replace(f"site-nats-{index}.site-nats-headless:6222", f"127.0.0.1:{port}")
        return routes.replace("$(NATS_ROUTE_PASSWORD)", "p4ss")


def write_secret(secret: Manifest, folder: Path) -> Path:
    """As the kubelet does it."""
    folder.mkdir()
    for name, text in secret["data"].items():
        (folder / name).write_bytes(base64.b64decode(text))
    return folder


@asynccontextmanager
async def prepared(folder: Path, values: dict[str, Any]) -> AsyncIterator[Servers]:
    folder.mkdir()
    servers = await asyncio.to_thread(Servers, folder, values)
    try:
        yield servers
    finally:
        await asyncio.to_thread(servers.close)


@pytest.mark.parametrize(("number", "tls"), [(1, True), (3, True), (1, False)])
async def test_nats_runs_as_the_chart_configures_it(tmp_path: Path, number: int, tls: bool) -> None:
    values = {"nats": {"replicas": number, "tls": {"enabled": tls}}}
    async with prepared(tmp_path / "nats", values) as servers:
        await asyncio.to_thread(servers.start)
        mutual = servers.client_tls
        context = None if mutual is None else (await asyncio.to_thread(load_client, mutual)).context
        await until_async(lambda: stores(servers, number, context), "a stream with a copy on each server")
        with pytest.raises(BusMisfit, match="refuses these credentials"):
            await connect(address(servers, "wrong", mutual), "stranger", 0)
        if mutual is not None:
            bare = mutual.model_copy(update={"certificate": None, "key": None})
            with pytest.raises(BusUnavailable, match=r"(?i)certificate|ssl|connection|pipe|eof|timeout"):
                await connect(address(servers, "p4ss", bare), "stranger", 0)


def address(servers: Servers, password: str, tls: ClientTls | None) -> BusAddress:
    return BusAddress(SecretUrl(url(servers, password)), tls=tls, role="events")


async def stores(servers: Servers, copies: int, context: ssl.SSLContext | None) -> bool:
    """Whether a stream with so many copies can be made, and takes a message."""
    try:
        client = await nats.connect(
            url(servers, "p4ss"),
            tls=context,
            allow_reconnect=False,
            connect_timeout=5,
            inbox_prefix="_INBOX.events",
        )
    except (OSError, nats.errors.Error):
        return False
    try:
        await client.jetstream().add_stream(name="EVENTS", subjects=["vedette.events.>"], num_replicas=copies)
        return (await client.jetstream().publish("vedette.events.a.b.c.d", b"1")).stream == "EVENTS"
    except nats.errors.Error:
        return False
    finally:
        await client.close()


def url(servers: Servers, password: str) -> str:
    return f"{'tls' if servers.secrets else 'nats'}://events:{password}@127.0.0.1:{servers.ports[0]}"


async def test_the_chart_s_hub_gathers_what_a_site_detects(tmp_path: Path) -> None:
    leaf = {"sites": [SITE, "kiosk"], "users": "sites"}
    async with prepared(tmp_path / "nats", {"config": HUB, "nats": {"leaf": leaf}}) as servers:
        authority = servers.secrets["site-nats-tls"] / "ca.crt"
        async with running_site(tmp_path, SITE, servers, tls={"ca": str(authority)}) as edge:
            address = await asyncio.to_thread(hub_address, servers)
            async with (
                await connect(address, "hub", give_up_after_s=60) as bus,
                keeping(bus, SITE),
                producing(edge) as producer,
            ):
                await producer.publish(10)
                await all_there(bus, producer)
                assert bus.refused is None


def hub_address(servers: Servers) -> BusAddress:
    """As the pod of `vedette hub` has it, from its configuration, environment and mounts."""
    text: str = one_of(servers.manifests, "ConfigMap", "site-vedette")["data"]["vedette.yaml"]
    text = text.replace("/run/secrets/nats-tls", str(servers.secrets["site-nats-client-tls"]))
    text = text.replace("site-nats:4222", f"127.0.0.1:{servers.ports[0]}")
    file = servers.folder / "vedette.yaml"
    file.write_text(text)
    pod = one_of(servers.manifests, "Deployment", "site-vedette-hub")["spec"]["template"]["spec"]
    environment = {one["name"]: one.get("value", "p4ss") for one in pod["containers"][0]["env"]}
    return address_of(load_config(file, environment))


async def test_the_chart_s_site_sends_its_hub_what_it_detects(tmp_path: Path) -> None:
    values = {"site": SITE, "nats": {"uplink": {"site": SITE, "secret": "uplink"}}}
    hub_folder = tmp_path / "hub"
    hub_folder.mkdir()
    own = await asyncio.to_thread(self_signed, hub_folder, "127.0.0.1")
    tls = {"server_cert": str(own.pem), "server_key": str(own.key)}
    async with running_hub(hub_config(sites=[SITE], tls=tls)) as hub, prepared(tmp_path / "nats", values) as servers:
        url = f"tls://127.0.0.1:{await asyncio.to_thread(lambda: hub.leaf_port)}"
        wanted = Uplink.model_validate({"url": url, "password_file": "x", "tls": {"ca": "ca.pem"}})

        def begin() -> None:
            write_site(Wanted(SITE, wanted, authority=own.pem.read_text()), tmp_path / SITE)
            hub.restart_with(tmp_path / SITE / "hub" / f"{SITE}.conf")
            for name in ("uplink.conf", "ca.pem"):  # the Secret that `nats.uplink.secret` names
                shutil.copy(tmp_path / SITE / "site" / name, servers.uplink)
            servers.start()

        await asyncio.to_thread(begin)
        events = address(servers, "p4ss", servers.client_tls)
        async with (
            await hub.connect("operator") as bus,
            keeping(bus, SITE),
            await connect(events, "events", give_up_after_s=60) as worker,
        ):
            await worker.publish_confirmed(f"vedette.events.{SITE}.gate.object.new", b"1", {}, "1")
            await until_count(bus, EVENTS, 1)
            assert await numbers(bus, EVENTS, "events") == ["1"]
