"""Users and certificates of the bus are replaced while a process runs: it connects again, and goes on."""

import asyncio
import gc
import re
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from prometheus_client import REGISTRY

from tests.gateway.certificates import Certificate, self_signed
from tests.nats_server import SMALL, GuardedServer, NatsServer, started
from tests.waiting import DEADLINE_S, until, until_async
from vedette.bus.address import BusAddress, address_of
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.config.tls_settings import ClientTls
from vedette.errors import BusMisfit, BusUnavailable, ConfigError
from vedette.process.metrics import CERTIFICATE_EXPIRY
from vedette.roles.command import write_users
from vedette.roles.permissions import Place
from vedette.secrets.private_file import write_private
from vedette.secrets.secret import SecretUrl
from vedette.tls.check import certificate_problems

PLACE = Place("plant-1")


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    write_users(tmp_path / "roles", PLACE)
    return tmp_path / "roles"


@pytest.fixture
def guarded(tmp_path: Path, roles: Path) -> Iterator[GuardedServer]:
    yield from started(GuardedServer(tmp_path, 'authorization { include "roles/users.conf" }\n'))


def config(server: NatsServer, folder: Path, scheme: str = "nats", **nats: object) -> Config:
    file = folder / "site.yaml"
    file.write_text(f"site: plant-1\nnats: {{url: '{scheme}://127.0.0.1:{server.port}', {_said(nats)}}}\n")
    return load_config(file).model_copy(update={"retention": SMALL})


def _said(nats: dict[str, object]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in nats.items())


async def test_a_process_takes_up_a_new_user_and_outlives_the_end_of_the_former_one(
    guarded: GuardedServer, roles: Path, tmp_path: Path
) -> None:
    settings = await asyncio.to_thread(config, guarded, tmp_path, roles="roles")
    address = await asyncio.to_thread(address_of, settings, "events")
    heard: list[bytes] = []

    async def hear(message: Msg) -> None:
        heard.append(message.data)

    async with await connect(address, "events", 60) as bus:
        inbox = bus.client.new_inbox()
        await bus.client.subscribe(inbox, cb=hear)
        await asyncio.to_thread(write_users, roles, PLACE, rotate=True)
        guarded.reload()
        await until(lambda: bus.client.options["user"] != "events" and _is_back(bus, 1), "it is there as the new user")
        await asyncio.to_thread(write_users, roles, PLACE, end_former=True)
        guarded.reload()
        await until_async(lambda: _is_refused(address), "the former user is not let in")
        assert bus.connected
        await bus.publish_confirmed("vedette.events.plant-1.gate.object.new", b"{}", {}, "a")
        # The server's part comes first: whoever was there is thrown out, until the new file is here too.
        reconnects = bus.client.stats["reconnects"]
        await asyncio.to_thread(write_users, roles, PLACE, rotate=True)
        new = await asyncio.to_thread((roles / "events.json").read_text)
        await asyncio.to_thread(write_private, roles / "events.json", '{"user": "nobody", "password": "guess"}')
        await until(lambda: not bus.connected, "with a wrong file it is not let in")
        guarded.reload()
        await asyncio.to_thread(write_private, roles / "events.json", new)
        await until(lambda: _is_back(bus, reconnects + 1), "with the right one it is")
        await bus.publish_confirmed("vedette.events.plant-1.gate.object.new", b"{}", {}, "b")
        assert bus.refused is None


def _is_back(bus: Bus, reconnects: int) -> bool:
    return bus.connected and bus.client.stats["reconnects"] >= reconnects


async def _is_refused(address: BusAddress) -> bool:
    try:
        former = BusAddress(address.url, address.user, address.password, role="events", retention=SMALL)
        async with await connect(former, "stranger", 0, keeps_streams=False):
            return False
    except BusMisfit:
        return True
    except BusUnavailable:
        return False


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Certificate]:
    made = {}
    for name in ("server", "client", "renewed"):
        (tmp_path / name).mkdir()
        made[name] = self_signed(tmp_path / name, "localhost", "127.0.0.1", days=60 if name == "renewed" else 30)
    (tmp_path / "clients.pem").write_bytes(made["client"].pem.read_bytes() + made["renewed"].pem.read_bytes())
    return made


@pytest.fixture
def mutual(tmp_path: Path, certificates: dict[str, Certificate]) -> Iterator[GuardedServer]:
    server = certificates["server"]
    files = f'cert_file: "{server.pem}", key_file: "{server.key}", ca_file: "{tmp_path / "clients.pem"}"'
    yield from started(GuardedServer(tmp_path, f"tls {{ {files}, verify: true }}\n"))


async def test_the_bus_shows_a_certificate_and_a_new_one_without_a_restart(
    mutual: GuardedServer, certificates: dict[str, Certificate], tmp_path: Path
) -> None:
    client, renewed = certificates["client"], certificates["renewed"]
    tls = f"{{ca: {certificates['server'].pem}, certificate: {client.pem}, key: {client.key}}}"
    address = address_of(await asyncio.to_thread(config, mutual, tmp_path, "tls", tls=tls))
    CERTIFICATE_EXPIRY.clear()
    async with await connect(address, "test", 60) as bus:
        ends = _expiry()
        for source, target in ((renewed.pem, client.pem), (renewed.key, client.key)):
            shutil.copy(source, target.with_suffix(".new"))
            target.with_suffix(".new").replace(target)
        await until(lambda: _is_back(bus, 1), "it has connected again")
        assert _expiry() > ends + 20 * 24 * 3600
        await bus.publish_confirmed("vedette.events.plant-1.gate.object.new", b"{}", {})


def _expiry() -> float:
    return REGISTRY.get_sample_value("vedette_certificate_expiry_timestamp_seconds", {"certificate": "nats"}) or 0.0


async def test_without_its_certificate_or_with_another_authority_nobody_connects(
    mutual: GuardedServer, certificates: dict[str, Certificate], tmp_path: Path
) -> None:
    for tls in (f"{{ca: {certificates['server'].pem}}}", f"{{ca: {certificates['client'].pem}}}"):
        address = address_of(await asyncio.to_thread(config, mutual, tmp_path, "tls", tls=tls))
        with pytest.raises(BusUnavailable, match=r"(?i)certificate|ssl|connection|pipe|eof|timeout"):
            await connect(address, "stranger", 0)


async def test_a_server_that_offers_no_tls_is_not_told_the_password(nats_server: NatsServer) -> None:
    address = BusAddress(SecretUrl(f"tls://user:secret@127.0.0.1:{nats_server.port}"))
    with pytest.raises(BusUnavailable, match="offers no TLS"):
        await connect(address, "test", 0)


async def test_a_refused_connection_is_closed_though_the_server_keeps_it(tmp_path: Path) -> None:
    made = self_signed(tmp_path, "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.pem, made.key)
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id": "x", "version": "2.15.1", "tls_required": true, "auth_required": true}\r\n')
        await writer.start_tls(context)
        writer.write(b"-ERR 'Authorization Violation'\r\n")
        heard.set_result(await reader.read())  # until the other side ends it
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = BusAddress(SecretUrl(f"tls://user:secret@127.0.0.1:{port}"), tls=ClientTls(ca=made.pem))
        with pytest.raises(BusMisfit, match="refuses these credentials"):
            await connect(address, "stranger", 0)
        gc.collect()  # what was left open says so now
        assert await asyncio.wait_for(heard, DEADLINE_S)


def test_what_is_wrong_with_a_file_is_said_with_its_key(nats_server: NatsServer, tmp_path: Path) -> None:
    made = self_signed(tmp_path, "localhost")
    (tmp_path / "other").mkdir()
    other = self_signed(tmp_path / "other", "localhost")
    for tls, wrong in (
        (f"{{ca: {tmp_path}/none.pem}}", "nats.tls.ca: .*none.pem: No such file"),
        (f"{{certificate: {made.pem}, key: {other.key}}}", "nats.tls.key: .*: is not the key of certificate"),
    ):
        settings = config(nats_server, tmp_path, "tls", tls=tls)
        address, (problem,) = address_of(settings), certificate_problems(settings)
        assert re.match(wrong, str(problem))
        with pytest.raises(ConfigError, match=wrong):
            asyncio.run(_connected(address))
    with pytest.raises(ConfigError, match=r"nats\.tls: certificate and key go together"):
        config(nats_server, tmp_path, "tls", tls=f"{{certificate: {made.pem}}}")
    with pytest.raises(ConfigError, match="wants a url tls://"):
        config(nats_server, tmp_path, "nats", tls="{}")


async def _connected(address: BusAddress) -> None:
    async with await connect(address, "test", 0):
        raise AssertionError("connected")
