"""The gateway's HTTP server: health from the beginning, services when they are opened."""

import asyncio

import pytest
from aiohttp import ClientSession, web

from gateway.web.http import Door, serve_http
from gateway.web.problem import HttpProblem
from gateway.web.request_body import read_text
from vedette.config.listen_settings import Address
from vedette.process.health import Health

FREE = Address(host="127.0.0.1", port=0)


async def hello(request: web.Request) -> web.Response:
    if request.query:
        raise HttpProblem(418, "no coffee", [{"key": "drink", "detail": "must be tea"}], {"X-Pot": "tea"})
    return web.Response(text="hello")


async def test_services_answer_when_the_door_is_open_and_health_always() -> None:
    door = Door()
    async with serve_http(Health(), door, [web.get("/hello", hello)], FREE) as address, ClientSession() as session:
        async with session.get(f"http://{address}/hello") as shut:
            assert (shut.status, shut.headers["Retry-After"]) == (503, "1")
            assert "bus" in (await shut.json(content_type="application/problem+json"))["detail"]
        async with session.get(f"http://{address}/healthz") as healthy:
            assert healthy.status == 200
        door.is_open = True
        async with session.get(f"http://{address}/hello") as opened:
            assert await opened.text() == "hello"


async def test_a_problem_is_answered_with_all_that_it_says() -> None:
    door = Door()
    door.is_open = True
    async with serve_http(Health(), door, [web.get("/hello", hello)], FREE) as address, ClientSession() as session:
        async with session.get(f"http://{address}/hello?drink=coffee") as answer:
            assert (answer.status, answer.headers["X-Pot"]) == (418, "tea")
            assert await answer.json(content_type="application/problem+json") == {
                "type": "about:blank",
                "title": "I'm a Teapot",
                "status": 418,
                "detail": "no coffee",
                "errors": [{"key": "drink", "detail": "must be tea"}],
            }
        async with session.post(f"http://{address}/hello") as wrong:
            assert (wrong.status, "GET" in wrong.headers["Allow"]) == (405, True)


async def test_a_defect_is_answered_and_logged_without_the_text_that_may_hold_a_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = "rtsp://admin:tell-nobody@camera/1"

    async def fail(request: web.Request) -> web.Response:
        raise LookupError(url)

    door = Door()
    door.is_open = True
    async with serve_http(Health(), door, [web.get("/fail", fail)], FREE) as address, ClientSession() as session:
        answer = await session.get(f"http://{address}/fail?key=tell-nobody")
        assert (answer.status, answer.content_type) == (500, "application/problem+json")
        assert "camera" not in await answer.text()
    assert "LookupError" in caplog.text
    assert f"{__name__.rpartition('.')[2]}.py" in caplog.text  # where it was
    assert "tell-nobody" not in caplog.text


@pytest.mark.parametrize("head", ["Content-Length: 9", "Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_come_is_not_waited_for_without_end(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(request: web.Request) -> web.Response:
        return web.Response(text=await read_text(request, ("text/plain",), HttpProblem(415, "no text")))

    monkeypatch.setattr("gateway.web.request_body._TIMEOUT_S", 0.1)
    door = Door()
    door.is_open = True
    async with serve_http(Health(), door, [web.post("/read", read)], FREE) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(f"POST /read HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n{head}\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.close()
