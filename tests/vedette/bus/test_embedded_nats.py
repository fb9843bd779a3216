"""The embedded server: private credentials that last, and a clear word when its port is taken."""

import asyncio
import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vedette.bus.address import STATE_VARIABLE, address_of, embedded_address_file
from vedette.bus.connection import connect
from vedette.bus.embedded_nats import EmbeddedNats, server_binary
from vedette.config.config import Config
from vedette.errors import BusMisfit, BusUnavailable, StartFailed
from vedette.secrets.secret import SecretText, SecretUrl

CONFIG = Config.model_validate(
    {
        "site": "plant-1",
        "listen": {"nats": "127.0.0.1:0"},
        "retention": {"detections_gib": 0.5, "events_gib": 0.5, "clips_mib": 64},
    }
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(STATE_VARIABLE, raising=False)


@pytest.fixture
def server() -> Iterator[EmbeddedNats]:
    server = EmbeddedNats(CONFIG)
    yield server
    server.release()


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_what_it_prepares_is_a_server_that_lets_only_its_credentials_in(server: EmbeddedNats) -> None:
    address = await asyncio.to_thread(server.prepare)
    with running(await asyncio.to_thread(server.command)):
        async with await connect(address, "test", give_up_after_s=10) as bus:
            assert bus.connected
        stranger = type(address)(address.url, "vedette", SecretText("guess"))
        with pytest.raises(BusMisfit):
            await connect(stranger, "stranger")


async def test_a_url_without_credentials_is_refused(server: EmbeddedNats) -> None:
    address = await asyncio.to_thread(server.prepare)
    with running(await asyncio.to_thread(server.command)):
        async with await connect(address, "test", give_up_after_s=10):
            with pytest.raises(BusMisfit, match="refuses these credentials"):
                await connect(type(address)(SecretUrl(address.url.reveal())), "stranger")


@pytest.mark.parametrize("site", ["4711", "true", "1e3", "plant-1"])
async def test_any_id_can_be_the_name_of_its_server(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "Zustände"))
    server = await asyncio.to_thread(EmbeddedNats, CONFIG.model_copy(update={"site": site}))
    address = await asyncio.to_thread(server.prepare)
    with running(await asyncio.to_thread(server.command)):
        async with await connect(address, "test", give_up_after_s=10) as bus:
            assert bus.client._server_info["server_name"] == site
    server.release()


def test_files_with_credentials_are_for_their_owner_only(server: EmbeddedNats) -> None:
    server.prepare()
    word = embedded_address_file("plant-1")
    assert [mode(file) for file in (word, server.folder / "nats.conf")] == [0o600, 0o600]
    assert mode(server.folder) == 0o700
    word.chmod(0o644)
    server.release()
    server.prepare()
    assert mode(word) == 0o600


def test_credentials_last_over_a_second_start(server: EmbeddedNats) -> None:
    first = server.prepare()
    server.release()
    second = server.prepare()
    assert first.password == second.password
    assert first.password is not None
    assert len(first.password.reveal()) >= 32
    assert address_of(CONFIG) == second


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "5"])
def test_damaged_credentials_are_made_anew_at_the_next_start(server: EmbeddedNats, damage: str) -> None:
    server.prepare()
    server.release()
    embedded_address_file("plant-1").write_text(damage)
    with pytest.raises(BusUnavailable, match="is damaged"):
        address_of(CONFIG)
    assert server.prepare() == address_of(CONFIG)


def test_a_taken_port_is_said_with_the_key_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = listening_on(port)
        with pytest.raises(StartFailed, match=rf"listen\.nats: 127\.0\.0\.1:{port}: Address already in use"):
            EmbeddedNats(config).prepare()


def test_a_site_has_one_server_at_a_time_and_a_failed_start_holds_nothing(server: EmbeddedNats) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failing = EmbeddedNats(listening_on(taken.getsockname()[1]))
        with pytest.raises(StartFailed, match=r"listen\.nats"):
            failing.prepare()
    server.prepare()
    with pytest.raises(StartFailed, match="site plant-1 runs here already"):
        EmbeddedNats(CONFIG).prepare()


def listening_on(port: int) -> Config:
    listen = type(CONFIG.listen).model_validate({"nats": f"127.0.0.1:{port}"})
    return CONFIG.model_copy(update={"listen": listen})


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / ".vedette").write_text("a file is in the way")
    with pytest.raises(StartFailed, match="Not a directory"):
        EmbeddedNats(CONFIG).prepare()


def test_a_site_that_was_never_started_is_said() -> None:
    with pytest.raises(BusUnavailable, match=r"no nats-server runs for site plant-1 here"):
        address_of(CONFIG)


def test_a_configured_server_needs_no_embedded_one() -> None:
    config = Config.model_validate({"nats": {"url": "nats://u:p@hub:4222", "replicas": 3}})
    address = address_of(config)
    assert (address.url.reveal(), address.replicas) == ("nats://u:p@hub:4222", 3)


def test_the_server_is_the_environments_own() -> None:
    version = subprocess.run([server_binary(), "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("nats-server: v2.15")


def test_the_word_it_leaves_is_json_for_other_programs(server: EmbeddedNats) -> None:
    server.prepare()
    word = json.loads(embedded_address_file("plant-1").read_text())
    assert word.keys() == {"url", "user", "password"}
    assert word["url"].startswith("nats://127.0.0.1:")
