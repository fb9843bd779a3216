"""Signing in to the console, and what a session and a role let somebody do. One gateway's API for all tests."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, WSServerHandshakeError

from gateway.access.accounts import hash_password
from gateway.api import CamerasApi, Guard, SnapshotsApi
from gateway.api.openapi import document
from gateway.console.console import Console
from gateway.console.viewer import PATH
from tests.gateway.console.run_console import next_said
from tests.gateway.run_api import Api, running_api
from tests.gateway.run_gateway import configured
from tests.nats_server import NatsServer
from vedette.bus.connection import connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.debug.routes import PATHS
from vedette.secrets.secret import SecretText

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD, TOKEN = "correct horse", "vdg_battery"
GATE = {"name": "gate", "url": "rtsp://127.0.0.1:1/gate", "pipeline": "people"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("nats")
    (folder / "key").write_bytes(base64.b64encode(bytes(32)))
    server = NatsServer(folder)
    await asyncio.to_thread(server.start)
    hashed = await asyncio.to_thread(hash_password, PASSWORD)
    accounts = [{"name": role, "role": role, "password": hashed} for role in ("viewer", "operator", "admin")]
    accounts.append({"name": "bot", "role": "operator", "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest()})
    gateway = {"key_file": folder / "key", "accounts": accounts, "api_token": "whole"}
    config = configured(server, {}, gateway=gateway)
    async with await connect(server.address, "test") as bus, running_api(config, bus) as api:
        yield api
    server.close()


class Browser:
    """Keeps cookies, and its session's CSRF token."""

    def __init__(self, session: ClientSession, address: str) -> None:
        self.session = session
        self.root = f"http://{address}/api/v1"
        self.csrf = ""

    async def send(self, method: str, path: str, body: object = None, csrf: str | None = None) -> tuple[int, Any]:
        given = self.csrf if csrf is None else csrf
        headers = {"X-CSRF-Token": given} if given else {}
        async with self.session.request(method, self.root + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status != 204 else None

    async def sign_in(self, name: str, password: str = PASSWORD) -> int:
        status, said = await self.send("POST", "/session", {"name": name, "password": password})
        self.csrf = said.get("csrf", "")
        return status


@pytest_asyncio.fixture(loop_scope="module")
async def browser(api: Api) -> AsyncIterator[Browser]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield Browser(session, api.address)


async def test_without_signing_in_only_the_page_itself_is_served(browser: Browser) -> None:
    assert (await browser.send("GET", "/session"))[1] | {"version": ""} == {
        "site": "plant",
        "version": "",
        "signed_in": False,
        "open": False,
    }
    for path in ("/cameras", "/events", "/models", "/pipelines", "/identities"):
        assert (await browser.send("GET", path))[0] == 401
    with pytest.raises(WSServerHandshakeError, match="401"):
        await browser.session.ws_connect(browser.root.replace("/api/v1", PATH))
    async with browser.session.get(browser.root.replace("/api/v1", "/")) as page:
        assert (page.status, page.content_type) == (200, "text/html")


def api_routes() -> list[tuple[str, str]]:
    """Method and path of all that is under the API."""
    config = Config.model_validate({"site": "plant"})
    guard = Guard(SecretText("another"), Address(host="127.0.0.1", port=0))
    console = Console(config, guard)
    routes = [*CamerasApi(config, guard).routes(), *SnapshotsApi(config.site, guard).routes()]
    routes += [*console.routes(), *console.early()]
    return [(route.method, route.path.removeprefix("/api/v1")) for route in routes if "/api/v1/" in route.path]


def closed_routes() -> list[tuple[str, str]]:
    """But for its description and signing in; for one camera and picture."""
    open_to_all = {("GET", "/openapi.json"), ("GET", "/session"), ("POST", "/session")}
    return [
        (method, path.format(name="gate", sha256="0" * 64))
        for method, path in api_routes()
        if (method, path) not in open_to_all
    ]


async def test_every_route_is_described_and_so_is_what_engineers_ask() -> None:
    paths = (await asyncio.to_thread(document))["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"}
    routes = {(method, f"/api/v1{path}") for method, path in await asyncio.to_thread(api_routes)}
    assert described == routes | {("GET", path) for path in PATHS}


async def test_every_route_needs_somebody_and_every_change_more_than_a_viewer(browser: Browser) -> None:
    routes = await asyncio.to_thread(closed_routes)
    changes = [(method, path) for method, path in routes if method != "GET" and path != "/session"]
    assert len(changes) > 5
    for method, path in routes:
        assert (await browser.send(method, path))[0] == 401, (method, path)
    await browser.sign_in("viewer")
    for method, path in changes:
        assert (await browser.send(method, path, {}))[0] == 403, (method, path)


async def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(api: Api, browser: Browser) -> None:
    body = {"name": "viewer", "password": PASSWORD}
    signed_in = await api("POST", "/session", body)
    cookie = signed_in.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    over_tls = await api("POST", "/session", body, {"X-Forwarded-Proto": "https"})
    assert "Secure" in over_tls.headers["Set-Cookie"]
    assert over_tls.headers["Cache-Control"] == "no-store"


async def test_a_wrong_name_is_refused_as_a_wrong_password_is(browser: Browser) -> None:
    wrong = [await browser.send("POST", "/session", {"name": name, "password": "x"}) for name in ("viewer", "nobody")]
    assert wrong[0] == wrong[1]
    assert wrong[0][0] == 401
    half_a_character = {"name": "viewer", "password": "\ud800"}
    assert (await browser.send("POST", "/session", half_a_character))[0] == 401
    assert (await browser.send("POST", "/session", {"name": "viewer"}))[0] == 422
    assert (await browser.send("POST", "/session", {"name": "x" * 64, "password": "x"}))[0] == 422
    assert (await browser.send("POST", "/session", ["viewer"]))[0] == 400


@pytest.mark.parametrize(
    ("role", "may_change", "may_add"), [("viewer", 403, 403), ("operator", 200, 403), ("admin", 200, 201)]
)
async def test_a_role_decides_what_a_session_may(
    api: Api, browser: Browser, role: str, may_change: int, may_add: int
) -> None:
    whole = {"Authorization": "Bearer whole"}
    await api("PUT", "/cameras/gate", GATE, whole)
    assert await browser.sign_in(role) == 200
    assert (await browser.send("GET", "/cameras"))[0] == 200
    assert (await browser.send("GET", "/identities"))[0] == (403 if role == "viewer" else 200)
    assert (await browser.send("PATCH", "/cameras/gate", {"enabled": False}))[0] == may_change
    elsewhere = {"url": "rtsp://10.0.0.1/other"}
    assert (await browser.send("PATCH", "/cameras/gate", elsewhere))[0] == (200 if role == "admin" else 403)
    assert (await browser.send("PATCH", "/cameras/gate", {"privacy": []}))[0] == (200 if role == "admin" else 403)
    assert (await browser.send("POST", "/cameras", GATE | {"name": f"new-{role}"}))[0] == may_add
    assert (await browser.send("DELETE", "/cameras/gate"))[0] == (204 if role == "admin" else 403)


async def test_what_another_page_makes_the_browser_do_changes_nothing(browser: Browser) -> None:
    await browser.sign_in("admin")
    for csrf in ("", "guessed", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")):
        browser.csrf, kept = "", browser.csrf
        assert (await browser.send("POST", "/cameras", GATE | {"name": "forged"}, csrf=csrf))[0] == 403
        assert (await browser.send("DELETE", "/session", csrf=csrf))[0] == 403
        browser.csrf = kept
    async with browser.session.ws_connect(browser.root.replace("/api/v1", PATH)) as live:
        await live.send_json({"type": "hello", "csrf": "guessed"})
        assert (await live.receive()).data == 1008


async def test_signing_out_ends_the_session_and_its_live_connection(browser: Browser) -> None:
    await browser.sign_in("viewer")
    async with browser.session.ws_connect(browser.root.replace("/api/v1", PATH)) as live:
        await live.send_json({"type": "hello", "csrf": browser.csrf})
        await next_said(live, "bus")
        assert (await browser.send("DELETE", "/session"))[0] == 200
        async with asyncio.timeout(60):
            while not live.closed:
                await live.receive()
        assert live.close_code == 1008
    assert (await browser.send("GET", "/cameras"))[0] == 401


async def test_a_live_connection_lasts_no_longer_than_its_session(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.sign_in("viewer")
    async with browser.session.ws_connect(browser.root.replace("/api/v1", PATH)) as live:
        await live.send_json({"type": "hello", "csrf": browser.csrf})
        await next_said(live, "bus")
        monkeypatch.setattr("gateway.access.sessions.UNUSED_FOR_S", 0.0)
        async with asyncio.timeout(60):
            while not live.closed:
                await live.receive()
        assert live.close_code == 1008
    assert (await browser.send("GET", "/cameras"))[0] == 401


async def test_a_token_is_of_a_role_too(api: Api) -> None:
    bot = {"Authorization": f"Bearer {TOKEN}"}
    assert (await api("GET", "/cameras", headers=bot)).status == 200
    assert (await api("POST", "/cameras", GATE, bot)).status == 403
    assert (await api("POST", "/cameras", GATE | {"name": "by-token"}, {"Authorization": "Bearer whole"})).status == 201
    assert (await api("GET", "/cameras", headers={"Authorization": "Bearer x"})).status == 401


async def test_guessing_is_slowed_down(browser: Browser) -> None:
    outcomes = await asyncio.gather(*(browser.sign_in("viewer", f"guess {n}") for n in range(11)))
    assert 429 in outcomes
    assert set(outcomes) <= {401, 429}


async def test_the_page_loads_nothing_from_elsewhere_and_is_kept_by_its_etag(browser: Browser) -> None:
    root = browser.root.replace("/api/v1", "")
    async with browser.session.get(f"{root}/js/main.js") as script:
        assert script.content_type == "text/javascript"
        policy = script.headers["Content-Security-Policy"]
        etag = script.headers["ETag"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    async with browser.session.get(f"{root}/js/main.js", headers={"If-None-Match": etag}) as again:
        assert (again.status, await again.read()) == (304, b"")
