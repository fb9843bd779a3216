"""A process is ready while all that it needs is there, and says what is missing."""

import asyncio

import pytest
from aiohttp import ClientSession

from vedette.config.listen_settings import Address
from vedette.errors import StartFailed
from vedette.process.health import Health, serve_health
from vedette.process.logs import set_up_logging

FREE = Address(host="127.0.0.1", port=0)


async def ask(address: Address, path: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        return answer.status, await answer.text()


async def test_readiness_names_what_is_missing_and_comes_with_it() -> None:
    health, there = Health(), {"bus": False, "model": False}
    for name in there:
        health.require(name, lambda name=name: there[name])  # type: ignore[misc]
    async with serve_health(health, FREE, "listen.gateway") as address:
        assert await ask(address, "/readyz") == (503, '{"ready": false, "missing": ["bus", "model"]}')
        there["bus"] = True
        assert await ask(address, "/readyz") == (503, '{"ready": false, "missing": ["model"]}')
        there["model"] = True
        assert await ask(address, "/readyz") == (200, '{"ready": true}')


async def test_a_stopping_process_lives_and_is_not_ready() -> None:
    health = Health()
    health.stopping = True
    async with serve_health(health, FREE, "listen.gateway") as address:
        assert await ask(address, "/readyz") == (503, '{"ready": false, "missing": ["stopping"]}')
        assert await ask(address, "/healthz") == (200, "ok\n")


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    async with serve_health(Health(), FREE, "listen.gateway") as address:
        status, text = await ask(address, "/metrics")
    assert status == 200
    assert "# TYPE python_info gauge" in text


async def test_a_taken_port_is_said_with_the_key_to_change() -> None:
    async with serve_health(Health(), FREE, "listen.gateway") as address:
        with pytest.raises(StartFailed, match=f"listen.gateway: {address}: "):
            async with serve_health(Health(), address, "listen.gateway"):
                pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with serve_health(Health(), FREE, "listen.gateway") as address:
        pass
    async with serve_health(Health(), address, "listen.gateway") as again:
        assert again == address


async def test_a_request_that_is_no_http_is_answered_and_not_logged_and_no_version_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging()
    async with serve_health(Health(), FREE, "listen.gateway") as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        async with ClientSession() as session, session.get(f"http://{address}/healthz") as answer:
            assert answer.headers["Server"] == "vedette"
    assert "aiohttp" not in capsys.readouterr().err
