"""The NATS of compose.yaml with certificates of docker/certificates: mutual TLS, and renewed while it runs."""

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats_server import GuardedServer, started
from tests.system.chart import ROOT
from tests.system.test_chart_nats import VARIABLES
from tests.waiting import until
from vedette.bus.address import BusAddress, address_of
from vedette.bus.connection import connect
from vedette.config.file import load_config
from vedette.errors import BusUnavailable

pytestmark = pytest.mark.system
PASSWORD = "p4ss"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    made(tmp_path / "tls")
    return tmp_path / "tls"


def made(folder: Path) -> None:
    subprocess.run([ROOT / "docker" / "certificates", folder], check=True)


@pytest.fixture
def server(tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GuardedServer]:
    for name in VARIABLES:
        monkeypatch.setenv(name, PASSWORD)
    text = (ROOT / "configs/compose/nats.conf").read_text()
    for shipped, ours in (
        ("/run/tls", str(certificates / "server")),
        ("listen: 0.0.0.0:4222", ""),
        ("http: 127.0.0.1:8222", ""),
        ("store_dir: /data, ", ""),
    ):
        assert shipped in text
        text = text.replace(shipped, ours)
    yield from started(GuardedServer(tmp_path, text))


def address(server: GuardedServer, certificates: Path) -> BusAddress:
    """As a service of compose has it."""
    text = (ROOT / "configs/compose/site.yaml").read_text()
    text = text.replace("/run/tls", str(certificates / "client")).replace("@nats:4222", f"@127.0.0.1:{server.port}")
    file = certificates / "site.yaml"
    file.write_text(text)
    environment = {"VEDETTE_NATS_USER": "events", "VEDETTE_NATS_PASSWORD": PASSWORD}
    return address_of(load_config(file, {**os.environ, **environment}), "events")


async def test_services_connect_with_their_certificate_and_take_up_new_ones(
    server: GuardedServer, certificates: Path
) -> None:
    of_events = await asyncio.to_thread(address, server, certificates)
    async with await connect(of_events, "events", 60) as bus:
        await bus.publish_confirmed("vedette.events.compose.street.object.new", b"{}", {}, "a")
        before = await asyncio.to_thread(shown, server)
        await asyncio.to_thread(made, certificates)
        server.reload()
        await until(lambda: bus.connected and bus.client.stats["reconnects"] >= 1, "it has connected again")
        await bus.publish_confirmed("vedette.events.compose.street.object.new", b"{}", {}, "b")
        assert await asyncio.to_thread(shown, server) != before
        assert bus.refused is None


async def test_without_a_certificate_nobody_gets_in(server: GuardedServer, certificates: Path) -> None:
    of_events = await asyncio.to_thread(address, server, certificates)
    assert of_events.tls is not None
    bare = of_events.tls.model_copy(update={"certificate": None, "key": None})
    stranger = BusAddress(of_events.url, tls=bare, role="events")
    with pytest.raises(BusUnavailable, match=r"(?i)certificate|ssl|connection|pipe|eof|timeout"):
        await connect(stranger, "stranger", 0)


def shown(server: GuardedServer) -> bytes | None:
    """The server's certificate. TLS begins behind its first line."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain:
        while plain.recv(1) != b"\n":
            pass
        with context.wrap_socket(plain) as connection:
            return connection.getpeercert(binary_form=True)


def test_the_keys_are_for_their_owner_alone(certificates: Path) -> None:
    assert certificates.stat().st_mode & 0o777 == 0o700
    assert (certificates / "ca.key").stat().st_mode & 0o777 == 0o600
    assert not any((certificates / name / "ca.key").exists() for name in ("server", "client"))
