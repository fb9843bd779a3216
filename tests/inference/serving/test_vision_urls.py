"""Pictures by URL: what is fetched, and what never is."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from inference.serving.vision.addresses import Listed
from tests.inference.guard.pictures import png
from tests.inference.serving.edge import Served, colours, edge

PICTURE = png(np.zeros((8, 8, 3), np.uint8) + np.array([10, 20, 200], np.uint8))


@pytest.fixture
async def site() -> AsyncIterator[int]:
    """A site on loopback; its port."""

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=PICTURE)

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("/picture")

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(PICTURE * 10_000)

    application = web.Application()
    for path, handler in (("/picture", picture), ("/away", away), ("/endless", endless)):
        application.router.add_get(path, handler)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def statuses(served: Served, *urls: str) -> list[Any]:
    body = json.dumps({"images": [{"url": url} for url in urls]})
    answer = await served.post("/api/v1/detect", body, {"Content-Type": "application/json"})
    return [entry.get("status", 200) for entry in answer.json["results"]]


async def test_only_listed_hosts_are_asked_and_redirects_are_not_followed(
    tmp_path: Path, site: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.serving.vision.addresses.USUAL", type("Small", (), {"bytes": 1 << 20}))
    async with edge(colours(tmp_path), {"urls": ["127.0.0.0/8", "localhost"]}) as served:
        here = f"http://127.0.0.1:{site}"
        assert await statuses(served, f"{here}/picture", f"http://localhost:{site}/picture") == [200, 200]
        assert await statuses(served, f"{here}/away", f"{here}/nothing") == [400, 400]
        assert await statuses(served, f"{here}/endless") == [413]
        others = ["http://10.0.0.1/", "http://[::1]/", "http://example.com/", "http://127.0.0.1.example.com/"]
        assert await statuses(served, *others) == [403] * 4
        odd = ["file:///etc/passwd", "http://", "http://[", "gopher://127.0.0.1/", "http://a@/", "x" * 5000]
        assert await statuses(served, *odd) == [400] * 6


async def test_a_listed_name_that_leads_to_this_machine_is_not_asked(tmp_path: Path, site: int) -> None:
    """Whoever owns the name decides where it leads."""
    async with edge(colours(tmp_path), {"urls": ["localhost"]}) as served:
        assert await statuses(served, f"http://localhost:{site}/picture") == [403]


async def test_the_address_that_is_checked_is_the_one_that_is_asked(
    tmp_path: Path, site: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers publicly first and privately then (DNS rebinding) gains nothing.

    127.0.0.2, where nobody listens, stands for a public address.
    """
    answers = iter(["127.0.0.2"] + ["127.0.0.1"] * 9)
    loop, asked = asyncio.get_running_loop(), []
    lookup = loop.getaddrinfo

    async def rebinding(host: Any, port: Any, **options: Any) -> Any:
        if host != "rebound.example":
            return await lookup(host, port, **options)
        asked.append(next(answers))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (asked[-1], port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    monkeypatch.setattr(Listed, "may_connect", lambda _, address: address == "127.0.0.2")
    async with edge(colours(tmp_path), {"urls": ["rebound.example"]}) as served:
        assert await statuses(served, f"http://rebound.example:{site}/picture") == [400], "nobody answers there"
        assert asked == ["127.0.0.2"]
        assert await statuses(served, f"http://rebound.example:{site}/picture") == [403]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "fe80::1%1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_addresses_that_are_not_public_are_asked_only_where_they_are_listed(address: str) -> None:
    assert not Listed(["images.example.com"]).may_connect(address)
    assert Listed([address.partition("%")[0].removeprefix("::ffff:")]).may_connect(address)
    assert Listed([]).may_connect("93.184.215.14")


def test_names_are_listed_whole_or_by_domain() -> None:
    listed = Listed(["images.example.com", "*.shop.example"])
    assert listed.has_name("images.example.com")
    assert listed.has_name("a.b.shop.example")
    for other in ("example.com", "shop.example", "evilshop.example", "images.example.com.evil.example", ""):
        assert not listed.has_name(other)
