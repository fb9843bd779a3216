"""The gateway's HTTP server: health from the beginning, services when they are opened."""

from aiohttp import ClientSession, web

from gateway.http import Door, serve_http
from gateway.problem import HttpProblem
from vedette.config import Address
from vedette.health import Health

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
