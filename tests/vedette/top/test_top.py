"""`vedette top` looks at real processes' metrics, says who is away and why, and finds those of a site."""

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.waiting import until_async
from vedette.__main__ import main
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.fleet.members import announce, live_members, new_member
from vedette.process.health import Health, listening, serve_health
from vedette.process.metrics import STAGE_TIME
from vedette.top.processes import Given, OfSite
from vedette.top.screen import Watch

ANY_PORT = Address(host="127.0.0.1", port=0)


async def test_a_process_is_compared_with_itself_and_one_that_is_away_says_why() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"detail": "no"}, status=401)

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>")

    closed = web.Application()
    closed.add_routes([web.get("/metrics", refuse), web.get("/page", page)])
    async with (
        serve_health(Health(), ANY_PORT, "listen") as open_one,
        listening(closed, ANY_PORT, "listen") as closed_one,
        aiohttp.ClientSession() as session,
    ):
        urls = [f"http://{open_one}", f"http://{closed_one}", f"http://{closed_one}/page", "http://127.0.0.1:1/metrics"]
        watch = Watch(Given(urls), session)
        first = await watch.look()
        STAGE_TIME.labels("decode", "top-test").observe(0.003)
        second = await watch.look()
    own = second.look.processes[0]
    assert (first.look.processes[0].cpu, own.away, own.address) == (None, None, str(open_one))
    assert own.cpu is not None
    assert own.memory_mib is not None
    (decode,) = [stage for stage in second.look.stages if stage.name == "decode" and stage.per_s]
    assert decode.p95_ms is not None
    away = [one.away for one in second.look.processes if one.away]
    assert away == ["it wants a token (--token-file)", "no metrics there", "no connection: Connection refused"]


async def test_processes_of_a_site_are_found_on_the_bus_as_they_come_and_go(bus: Bus) -> None:
    url = bus.client.connected_url
    assert url is not None
    config = Config.model_validate({"site": "topped", "nats": {"url": url.geturl()}})
    gateway = new_member("gateway", "topped", "0.0.0.0:8080")
    worker = new_member("inference", "topped", "127.0.0.1:8000", "coco")

    async with OfSite(config) as site:
        assert await site.find() == []
        async with background(announce(bus, gateway), announce(bus, worker)):

            async def both() -> bool:
                return len(await live_members(bus, "topped")) == 2

            await until_async(both, "both are announced")
            found = {place.name: place.url for place in await site.find()}
        assert found == {
            "gateway": "http://127.0.0.1:8080/metrics",
            "inference-coco-0": "http://127.0.0.1:8000/metrics",
        }
        assert {place.name for place in await site.find()} == set(found), "they are gone, and looked for still"
        assert site.notice is None


async def test_without_the_bus_those_of_the_configuration_are_looked_for() -> None:
    config = Config.model_validate({"site": "alone", "nats": {"url": "nats://127.0.0.1:1"}})
    async with OfSite(config) as site:
        assert {place.url for place in await site.find()} == {
            "http://127.0.0.1:8080/metrics",
            "http://127.0.0.1:8090/metrics",
        }
        assert site.notice is not None
        assert site.notice.startswith("the bus is away")


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["top"]) == 2
    assert main(["top", "--metrics", "ftp://x"]) == 2
    assert main(["top", "--metrics", "http://127.0.0.1:1", "--ca", str(tmp_path / "none.pem")]) == 2
    assert main(["top", "--metrics", "http://127.0.0.1:1", "--once", "--interval", "0.5"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert "127.0.0.1:1 (127.0.0.1:1): no connection: Connection refused" in said[-1]
