"""Real handshakes, over HTTP and gRPC: whom the server lets in, and what becomes of new files."""

import asyncio
import hashlib
import logging
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from cryptography.x509 import load_pem_x509_certificate
from prometheus_client import REGISTRY

from inference.check import problems
from inference.serving.tls import Certificates
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from tests.gateway.certificates import Certificate, self_signed
from tests.inference.process import CONFIG, processes_of
from tests.inference.serving.edge import Served, colours, edge
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.config.config import Config
from vedette.config.tls_settings import ServerTls
from vedette.errors import ConfigError
from vedette.process.metrics import CERTIFICATE_EXPIRY

LIVE = "/inference.GRPCInferenceService/ServerLive"


def made(folder: Path, name: str) -> Certificate:
    (folder / name).mkdir()
    return self_signed(folder / name, "localhost", "127.0.0.1")


def settings(server: Certificate, client: Certificate | None = None) -> dict[str, str]:
    files = {"server_cert": str(server.pem), "server_key": str(server.key)}
    return files if client is None else {**files, "client_ca": str(client.pem)}


def trusting(server: Certificate, client: Certificate | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.pem)
    if client is not None:
        context.load_cert_chain(client.pem, client.key)
    return context


async def health(served: Served, context: ssl.SSLContext) -> int:
    """On a connection of its own. Raises what the client finds wrong."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(f"{served.url}/healthz") as answer,
    ):
        return answer.status


@asynccontextmanager
async def channel(served: Served, server: Certificate, client: Certificate | None = None) -> AsyncIterator[Any]:
    pair = (client.key.read_bytes(), client.pem.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(server.pem.read_bytes(), *pair)
    options = [("grpc.use_local_subchannel_pool", 1)]  # else a connection of before is used again
    async with grpc.aio.secure_channel(f"127.0.0.1:{served.grpc_port}", credentials, options) as opened:
        yield opened


async def live(served: Served, server: Certificate, client: Certificate | None = None) -> bool:
    """Over gRPC. Raises AioRpcError."""
    async with channel(served, server, client) as opened:
        call = opened.unary_unary(LIVE, oip.ServerLiveRequest.SerializeToString, oip.ServerLiveResponse.FromString)
        return bool((await call(oip.ServerLiveRequest(), timeout=90)).live)


async def test_both_ports_speak_tls_and_nothing_else(tmp_path: Path) -> None:
    server, other = made(tmp_path, "server"), made(tmp_path, "other")
    async with edge(colours(tmp_path), {"tls": settings(server)}) as served:
        assert await health(served, trusting(server)) == 200
        assert await live(served, server)
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await health(served, trusting(other))
        with pytest.raises(grpc.aio.AioRpcError):
            await live(served, other)
        with pytest.raises(aiohttp.ClientError):
            await served.session.get(f"http://127.0.0.1:{served.port}/healthz")
        old = trusting(server)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await health(served, old) == 200


async def test_with_a_client_ca_only_its_clients_are_let_in(tmp_path: Path) -> None:
    server, client, other = (made(tmp_path, name) for name in ("server", "client", "other"))
    async with edge(colours(tmp_path), {"tls": settings(server, client)}) as served:
        assert await health(served, trusting(server, client)) == 200
        assert await live(served, server, client)
        for stranger in (None, other):
            with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
                await health(served, trusting(server, stranger))
            with pytest.raises(grpc.aio.AioRpcError):
                await live(served, server, stranger)


async def test_new_files_are_used_from_the_next_connection_on_and_open_ones_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vedette.tls.server.LOOKS_S", 0.02)
    server, renewed, client, next_client = (made(tmp_path, name) for name in ("a", "b", "c", "d"))
    async with edge(colours(tmp_path), {"tls": settings(server, client)}) as served:
        before, stale = trusting(server, client), trusting(renewed, client)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=before)) as session:
            async with session.get(f"{served.url}/healthz") as answer:
                assert answer.status == 200
            for source, target in ((next_client.pem, client.pem), (renewed.pem, server.pem), (renewed.key, server.key)):
                shutil.copy(source, target.with_suffix(".new"))
                target.with_suffix(".new").replace(target)

            async def renewed_is_served() -> bool:
                try:
                    return await health(served, trusting(renewed, next_client)) == 200
                except (aiohttp.ClientError, ssl.SSLError, ConnectionError):
                    return False

            await until_async(renewed_is_served, "the new certificate")
            assert await live(served, renewed, next_client)
            with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
                await health(served, stale)
            async with session.get(f"{served.url}/healthz") as answer:
                assert answer.status == 200, "the connection of before"


def test_the_end_of_the_certificate_in_use_is_in_the_metrics(tmp_path: Path) -> None:
    def ends_s(certificate: Certificate) -> float:
        return load_pem_x509_certificate(certificate.pem.read_bytes()).not_valid_after_utc.timestamp()

    def told_s() -> float | None:
        return REGISTRY.get_sample_value("vedette_certificate_expiry_timestamp_seconds", {"certificate": "serving"})

    server = made(tmp_path, "first")
    first_s = ends_s(server)
    certificates = Certificates(ServerTls.model_validate(settings(server)))
    assert told_s() == first_s
    CERTIFICATE_EXPIRY.labels("serving").set(0)
    renewed = made(tmp_path, "second")
    for source, target in ((renewed.pem, server.pem), (renewed.key, server.key)):
        shutil.copy(source, target)
    assert certificates.look()
    assert told_s() == ends_s(renewed)


def test_files_that_cannot_be_used_leave_the_old_ones_and_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, other = made(tmp_path, "server"), made(tmp_path, "other")
    whole = server.key.read_bytes()
    certificates = Certificates(ServerTls(server_cert=server.pem, server_key=server.key))
    with caplog.at_level(logging.INFO):
        server.key.write_bytes(other.key.read_bytes())
        assert not certificates.look()
        assert not certificates.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"serving.tls.server_key: {server.key}: is not the key of server_cert" in caplog.text
    server.key.write_bytes(whole + b"\n")
    assert certificates.look(), "whole again"


@pytest.mark.parametrize(
    ("key", "content", "why"),
    [
        ("server_cert", None, "No such file"),
        ("server_cert", b"nonsense", "no PEM file"),
        ("server_key", b"nonsense", "no PEM file"),
        ("client_ca", b"", "no PEM file"),
    ],
)
def test_at_the_start_the_error_names_key_and_file(tmp_path: Path, key: str, content: bytes | None, why: str) -> None:
    server = made(tmp_path, "server")
    wrong = tmp_path / "wrong.pem"
    if content is not None:
        wrong.write_bytes(content)
    with pytest.raises(ConfigError) as found:
        Certificates(ServerTls.model_validate({**settings(server, server), key: wrong}))
    assert str(found.value).startswith(f"serving.tls.{key}: {wrong}: ")
    assert why in str(found.value)
    tls = {"serving": {"tls": {**settings(server, server), key: wrong}}}
    (problem,) = problems(Config.model_validate(tls))
    assert str(problem) == str(found.value), "as `vedette check` says it"


async def test_a_client_that_does_not_finish_its_handshake_is_cut(tmp_path: Path) -> None:
    server = made(tmp_path, "server")
    async with edge(colours(tmp_path), {"tls": settings(server), "header_s": 0.2}) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"\x16\x03\x01")
        assert await asyncio.wait_for(reader.read(), 90) == b""
        writer.close()


async def test_a_process_serves_with_its_certificate_and_does_not_start_without_it(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    server = made(tmp_path, "server")
    digest = hashlib.sha256(b"secret").hexdigest()
    wanted = (
        f"serving: {{tls: {{server_cert: {server.pem}, server_key: %s}}, tokens: [{{name: a, sha256: {digest}}}]}}\n"
    )
    with processes_of(tmp_path, nats_server.port) as processes:
        wrong = processes.start(CONFIG % nats_server.port + wanted % (tmp_path / "missing.key"))
        right = processes.start(CONFIG % nats_server.port + wanted % "server/localhost.key")  # beside the file
        assert await wrong.ended() == 2
        assert f"serving.tls.server_key: {tmp_path / 'missing.key'}: No such file" in wrong.text
        await until(lambda: "health and metrics on https://" in right.text, lambda: right.text)
        url = right.text.partition("health and metrics on ")[2].split()[0]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting(server))) as session:
            async with session.get(f"{url}/healthz") as answer:
                assert answer.status == 200
            async with session.post(f"{url}/api/v1/detect", data=b"x") as answer:
                assert answer.status == 401
