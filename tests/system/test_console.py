"""The console in a browser, against the real system: Chromium, headless, as a person uses it."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web

from gateway.access.accounts import hash_password
from gateway.simulator import Simulator
from gateway.web import http
from tests.end_to_end.site import VIDEO, Site, site
from tests.free_ports import free_port
from tests.gateway.run_gateway import SITE, configured, gateway, simulated
from tests.nats_server import NatsServer
from tests.system.devtools import Page, browser
from tests.waiting import until_async
from vedette.bus.connection import Bus
from vedette.fleet.members import live_members

pytestmark = pytest.mark.system

PASSWORD = "correct horse"
NEXT_BOXES = """import(new URL('js/live.js', document.baseURI)).then(({live}) => new Promise(settle =>
  live.addEventListener('picture', event => settle(event.detail.said.boxes.map(box => box.bbox)), {once: true})))"""
"""Of the next picture that is drawn."""
FITS = """(() => { const box = one => document.querySelector(one).getBoundingClientRect(), nav = box('.nav');
  const brand = Math.max(...[...document.querySelectorAll('.brand > *')].map(one => one.getBoundingClientRect().right));
  const apart = nav.top > 100 || (brand <= nav.left && nav.right <= box('.top-end').left);
  return apart && document.documentElement.scrollWidth <= innerWidth; })()"""
"""Nothing is wider than the window, and nothing in the head lies over something else."""


def console_of(running: Site) -> str:
    """Give the site's gateway a port that is known; where its console is then."""
    address = f"127.0.0.1:{free_port()}"
    text = running.config.read_text()
    running.config.write_text(text.replace("gateway: 127.0.0.1:0", f"gateway: {address}"))
    return f"http://{address}/"


async def answers(url: str) -> bool:
    """Whether there is a page yet."""
    async with ClientSession() as session:
        try:
            async with session.get(url) as answer:
                return answer.status == 200
        except ClientError:
            return False


async def settings(url: str, camera: str) -> Any:
    """A camera's, as the API has them."""
    async with ClientSession() as session, session.get(f"{url}api/v1/cameras/{camera}") as answer:
        return await answer.json()


async def on_the_picture(page: Page, x: float, y: float) -> None:
    """Click at a place of the large picture, in fractions of it."""
    frame = await page.run(
        "(() => { const svg = document.querySelector('.editor svg').getBoundingClientRect();"
        " const aspect = 4 / 3, width = Math.min(svg.width, svg.height * aspect), height = width / aspect;"
        " return [svg.x + (svg.width - width) / 2, svg.y + (svg.height - height) / 2, width, height]; })()"
    )
    await page.click_at(frame[0] + x * frame[2], frame[1] + y * frame[3])


@contextlib.asynccontextmanager
async def console(folder: Path) -> AsyncIterator[tuple[str, Page, Simulator]]:
    """A site's console in a browser, its address, and another camera, `lane`, that the site doesn't know yet."""
    async with contextlib.AsyncExitStack() as stack:
        running = stack.enter_context(site(folder))
        url = console_of(running)
        running.start("--plain")
        await until_async(lambda: answers(url), running.text)
        page = await stack.enter_async_context(browser(folder / "profile"))
        await page.resize(1366, 900)
        simulator = simulated("lane", video=VIDEO)
        await simulator.start()
        stack.push_async_callback(simulator.close)
        await page.go(url)
        yield url, page, simulator


async def test_a_camera_is_added_watched_given_a_zone_and_seen_to_die(tmp_path: Path) -> None:
    async with console(tmp_path) as (url, page, simulator):
        await page.until_says("Open on this machine")
        await page.until_says("street")
        for path, says in (("models", "Arrival to result"), ("", "street")):
            await page.go(f"{url}#/{path}")
            await page.until_says(says)
            for width in (390, 834, 901, 1366):
                await page.resize(width, 900)
                await page.until(FITS, f"/{path} fits in {width} pixels")
        await page.click("a[href='#/add']")
        await page.type("input[placeholder='gate']", "lane")
        await page.type("input[placeholder^='rtsp://']", simulator.url("lane"))
        await page.click(".with-button button")
        await page.until_says("It can be read.")
        await page.until("document.querySelector('.tested img').naturalWidth > 100", "a picture of the test")
        await page.click("button[type=submit]")

        await page.until("location.hash === '#/cameras/lane'", "the new camera's page")
        await page.until("document.querySelector('.stage canvas').ariaLabel.includes('person')", "boxes are drawn")
        first: Any = await page.run(NEXT_BOXES)
        await until_async(lambda: moved(page, first), "boxes move")

        await page.click("a[href='#/cameras/lane/shapes']")
        await page.until(
            "/person|nothing/.test(document.querySelector('.stage canvas').ariaLabel)", "a picture to draw on"
        )
        await page.click("[data-tool=zone]")
        for x, y in ((0.2, 0.1), (0.9, 0.1), (0.9, 0.95), (0.2, 0.95), (0.2, 0.1)):
            await on_the_picture(page, x, y)
        await page.until("document.querySelector('[data-field=name]')", "the zone is closed")
        await page.run("document.querySelector('[data-field=name]').select()")
        await page.send("Input.insertText", text="middle")
        await page.click("[data-tool=save]")
        await page.until("location.hash === '#/cameras/lane'", "it is saved")
        await page.until_says("entered zone middle", deadline_s=120)

        await simulator.close()
        await page.until_says("Offline", deadline_s=120)
        await page.until("document.querySelector('.tile-note').innerText.includes('nothing listens there')", "why")
        await page.click(".page-actions button:not(.danger)")
        await page.until_says("Disabled")
        await page.click(".page-actions button.danger")
        await page.click("dialog button.danger")
        await page.until("location.hash === '#/'", "it is gone, and the wall is shown")
        await page.until("document.querySelector('.tile[data-state=live]') !== null", "the other one lives")
        await page.until("document.querySelector('[data-name=lane]') === null", "the removed one is not on it")
        # A snapshot may be gone when its event is shown, and a page may ask while the bus is away.
        assert [error for error in page.errors if "/snapshots/" not in error] == []


async def draw_a_zone(page: Page) -> None:
    """Named `middle`, and moved a little, by keyboard alone."""
    await page.tab_to("a[href='#/cameras/lane/shapes']")
    await page.press("Enter")
    await page.tab_to("[data-tool=zone]")
    await page.press("Enter")
    await page.tab_to(".shape-hint button")
    await page.press("Enter")
    await page.until("document.activeElement.dataset.field === 'name'", "the zone wants a name")
    await page.run("document.activeElement.select()")
    await page.send("Input.insertText", text="middle")
    await page.tab_to("[data-corner='0']", back=True)
    before = await page.run("document.activeElement.ariaLabel")
    for key in ("ArrowLeft", "ArrowUp"):
        await page.press(key, shift=True)
    assert await page.run("document.activeElement.dataset.corner") == "0"
    assert await page.run("document.activeElement.ariaLabel") != before
    await page.tab_to("[data-tool=save]")
    await page.press("Enter")
    await page.until("location.hash === '#/cameras/lane'", "it is saved")


async def test_everything_is_done_by_keyboard_alone(tmp_path: Path) -> None:
    async with console(tmp_path) as (url, page, simulator):
        await page.until_says("street")

        await page.tab_to(".skip")
        await page.press("Enter")
        await page.tab_to("a[href='#/add']")
        await page.press("Enter")
        await page.until("document.activeElement.placeholder === 'gate'", "the first field is ready")
        await page.send("Input.insertText", text="lane")
        await page.tab_to("input[placeholder^='rtsp://']")
        await page.send("Input.insertText", text=simulator.url("lane"))
        await page.press("Enter")
        await page.until("location.hash === '#/cameras/lane'", "the new camera's page")
        await page.until("document.querySelector('.stage canvas').ariaLabel.includes('person')", "boxes are drawn")

        await draw_a_zone(page)
        await page.until_says("entered zone middle", deadline_s=120)

        await page.tab_to("a[href='#/cameras/lane/edit']")
        await page.press("Enter")
        await page.until("document.querySelector('.form input[type=number]')", "its settings")
        await page.tab_to(".form input[type=number]")
        await page.send("Input.insertText", text="1.5")
        await page.press("Enter")
        await page.until("location.hash === '#/cameras/lane'", "they are saved")
        assert (await settings(url, "lane"))["sampling"]["fps"] == 1.5

        await page.tab_to(".page-actions button:not(.danger)")
        await page.press("Enter")
        await page.until_says("Disabled")
        await page.until("document.activeElement.innerText === 'Enable'", "the focus stays where it was")
        await page.tab_to(".page-actions button.danger")
        await page.press("Enter")
        await page.until("document.activeElement.innerText === 'Cancel'", "it asks, and a hasty Enter does no harm")
        await page.tab_to("dialog button.danger")
        await page.press("Enter")
        await page.until("location.hash === '#/'", "it is gone, and the wall is shown")
        await page.tab_to("a[data-name=street]")
        await page.press("Enter")
        await page.until("location.hash === '#/cameras/street'", "the other one's page")
        assert [error for error in page.errors if "/snapshots/" not in error] == []


async def moved(page: Page, before: Any) -> bool:
    boxes = await page.run(NEXT_BOXES)
    return bool(boxes) and boxes != before


def prefixed(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """As a proxy would have them that takes a prefix off: handlers know nothing of it."""
    return [web.route(route.method, f"/sites/one{route.path}", route.handler, **route.kwargs) for route in routes]


@contextlib.asynccontextmanager
async def behind_a_prefix(*args: Any) -> AsyncIterator[Any]:
    health, door, routes, listen, early, *others = args
    async with http.serve_http(health, door, prefixed(routes), listen, prefixed(early), *others) as address:
        yield address


async def test_somebody_signs_in_and_out_behind_a_path_prefix(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.app.serve_http", behind_a_prefix)
    accounts = [{"name": "ann", "role": "viewer", "password": hash_password(PASSWORD)}]
    async with gateway(configured(nats_server, {}, gateway={"accounts": accounts})), browser(tmp_path / "p") as page:
        await until_async(lambda: live_members(bus, SITE), "it is a member")
        (member,) = await live_members(bus, SITE)
        await page.resize(390, 844, phone=True)
        await page.go(f"http://{member.http}/sites/one/")
        await page.type("input[name=name]", "ann")
        await page.type("input[name=password]", "wrong")
        await page.click("button[type=submit]")
        await page.until_says("no such name with this password")
        await page.type("input[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await page.until_says("No camera yet")
        await page.until("document.querySelector('.link-state').dataset.state === 'live'", "it is connected")
        assert await page.run("document.querySelector('a[href=\"#/add\"]') === null")
        assert await page.run("document.cookie") == ""
        await page.click(".who button")
        await page.until("document.querySelector('input[name=password]') !== null", "signed out")
        assert [error for error in page.errors if "401" not in error] == []
