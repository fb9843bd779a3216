"""What goes to the audit log: changes with who and what, attempts too, and never a secret; and the rest at the door."""

import asyncio
import hashlib
import json
import shutil
import ssl
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.certificates import self_signed
from tests.gateway.run_api import running_api
from tests.gateway.run_gateway import SITE, configured, gateway
from tests.nats_server import NatsServer
from tests.waiting import until_async
from vedette.audit.command import entries
from vedette.audit.message import Audit
from vedette.bus.connection import Bus
from vedette.fleet.members import live_members

ADMIN, VIEWER = "vdg_boss", "vdg_guest"
SECRET = "hunter2-of-the-camera"
GATE = {"name": "gate", "url": f"rtsp://ann:{SECRET}@127.0.0.1:1/gate", "pipeline": "people", "enabled": False}


def accounts() -> list[dict[str, str]]:
    return [
        {"name": name, "role": role, "token_sha256": hashlib.sha256(token.encode()).hexdigest()}
        for name, role, token in (("boss", "admin", ADMIN), ("guest", "viewer", VIEWER))
    ]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def told(bus: Bus, count: int) -> list[Audit]:
    """The entries, when there are so many."""
    found: list[Audit] = []

    async def there() -> bool:
        found[:] = [event.data async for event in entries(bus, SITE, 1000)]
        return len(found) >= count

    await until_async(there, lambda: f"{count} entries, not {found}")
    return found


async def test_changes_and_attempts_are_told_with_who_and_what_and_no_value(nats_server: NatsServer, bus: Bus) -> None:
    config = configured(nats_server, {}, gateway={"accounts": accounts()})
    async with running_api(config, bus) as api:
        assert (await api("POST", "/cameras", GATE, bearer(ADMIN))).status == 201
        assert (await api("GET", "/cameras", headers=bearer(VIEWER))).status == 200
        assert (await api("PATCH", "/cameras/gate", {"enabled": True, SECRET: 1}, bearer(VIEWER))).status == 403
        assert (await api("DELETE", f"/cameras/gate?{SECRET}", headers=bearer(SECRET))).status == 401
        assert (await api("DELETE", "/cameras/gate", headers=bearer(ADMIN))).status == 204
        added, patched, stranger, removed = await told(bus, 4)
    assert (added.actor, added.role, added.outcome, added.address) == ("boss", "admin", "done", "127.0.0.1")
    assert (added.action, added.keys) == ("POST /api/v1/cameras", ("enabled", "pipeline", "url"))
    assert (patched.actor, patched.outcome, patched.status, patched.target) == ("guest", "refused", 403, "gate")
    assert (stranger.actor, stranger.role, stranger.status) == ("unknown", None, 401)
    assert (removed.action, removed.target, removed.status) == ("DELETE /api/v1/cameras/{name}", "gate", 204)
    assert SECRET not in json.dumps([one.model_dump() for one in (added, patched, stranger, removed)])


async def test_who_is_not_known_pushes_nothing_out_of_the_log(nats_server: NatsServer, bus: Bus) -> None:
    config = configured(nats_server, {}, gateway={"accounts": accounts()})
    async with running_api(config, bus) as api:
        for _ in range(60):
            await api("DELETE", "/cameras/gate")
        assert (await api("DELETE", "/cameras/gate", headers=bearer(ADMIN))).status == 404
        found = await told(bus, 2)
        await until_async(lambda: _ends_with(bus, "boss"), "the admin is in it")
    assert 1 <= sum(one.actor == "unknown" for one in found) <= 30


async def _ends_with(bus: Bus, actor: str) -> bool:
    return [event.data.actor async for event in entries(bus, SITE, 1)] == [actor]


async def test_one_address_is_served_so_many_requests_and_health_always(nats_server: NatsServer, bus: Bus) -> None:
    limits = {"accounts": accounts(), "requests_per_s": 0.5, "changes_per_s": 0.2}
    async with running_api(configured(nats_server, {}, gateway=limits), bus) as api:
        changes = [(await api("DELETE", "/cameras/gate", headers=bearer(ADMIN))).status for _ in range(3)]
        assert (changes[0], changes[-1]) == (404, 429)
        looks = [await api("GET", "/cameras", headers=bearer(ADMIN)) for _ in range(8)]
        assert (looks[0].status, looks[-1].status) == (200, 429)
        assert int(looks[-1].headers["Retry-After"]) >= 1
        async with aiohttp.ClientSession() as session, session.get(f"http://{api.address}/healthz") as answer:
            assert answer.status == 200


NO_PLACES = (
    ("http://169.254.169.254/latest/meta-data", "no camera is"),
    ("http://[::ffff:169.254.169.254]/", "no camera is"),
    ("rtsp://2852039166/stream", "no camera is"),
    ("rtsp://[fe80::1]/stream", "no camera is"),
    ("rtsp://0.0.0.0/stream", "no camera is"),
    ("file:///etc/passwd", "network stream"),
)


async def test_cameras_are_not_where_only_the_gateway_should_reach(nats_server: NatsServer, bus: Bus) -> None:
    there = {"name": "there", "url": "rtsp://127.0.0.1:1/x", "pipeline": "people", "enabled": False}
    async with running_api(configured(nats_server, {}), bus) as api:
        assert (await api("POST", "/cameras", there)).status == 201
        for url, why in NO_PLACES:
            answers = [
                await api("POST", "/cameras", {"name": "gate", "url": url, "pipeline": "people", "enabled": False}),
                await api("POST", "/cameras:test", {"url": url}),
                await api("PATCH", "/cameras/there", {"url": url}),
                await api("PATCH", "/cameras/there", {"substream": url}),
            ]
            assert {answer.status for answer in answers} == {422}, url
            assert all(why in answer.text for answer in answers), url


async def test_only_networks_that_were_named_hold_cameras(nats_server: NatsServer, bus: Bus) -> None:
    limits = {"camera_networks": ["10.1.0.0/16"]}
    async with running_api(configured(nats_server, {}, gateway=limits), bus) as api:
        for host, status in (("10.1.2.3", 201), ("10.2.2.3", 422), ("127.0.0.1", 422), ("no-such-name.invalid", 422)):
            camera = {"name": "gate", "url": f"rtsp://{host}/x", "pipeline": "people", "enabled": False}
            assert (await api("POST", "/cameras", camera)).status == status, host


async def test_the_api_speaks_tls_with_clients_that_have_a_certificate_and_takes_up_new_ones(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vedette.tls.server.LOOKS_S", 0.02)
    made = {}
    for name in ("server", "client", "renewed"):
        (tmp_path / name).mkdir()
        made[name] = self_signed(tmp_path / name, "localhost", "127.0.0.1")
    server, client, renewed = made["server"], made["client"], made["renewed"]
    tls = {"server_cert": server.pem, "server_key": server.key, "client_ca": client.pem}
    trusting = ssl.create_default_context(cafile=server.pem)
    trusting.load_cert_chain(client.pem, client.key)
    anonymous, stale = (ssl.create_default_context(cafile=one.pem) for one in (server, renewed))
    stale.load_cert_chain(client.pem, client.key)
    async with gateway(configured(nats_server, {}, gateway={"tls": tls})):
        await until_async(lambda: live_members(bus, SITE), "it is a member")
        (member,) = await live_members(bus, SITE)
        assert await _status(f"https://{member.http}", trusting) == 200
        for scheme, context in (("https", anonymous), ("http", trusting)):
            with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
                await _status(f"{scheme}://{member.http}", context)
        for source, target in ((renewed.pem, server.pem), (renewed.key, server.key)):
            await asyncio.to_thread(shutil.copy, source, target.with_suffix(".new"))
            target.with_suffix(".new").replace(target)

        async def is_renewed() -> bool:
            try:
                return await _status(f"https://{member.http}", stale) == 200
            except (aiohttp.ClientError, ssl.SSLError, ConnectionError):
                return False

        await until_async(is_renewed, "the new certificate is shown")


async def _status(url: str, context: ssl.SSLContext) -> int:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(f"{url}/api/v1/cameras") as answer,
    ):
        return answer.status
