"""A process is ready while all that it needs is there, and says what is missing."""

import pytest
from aiohttp import ClientSession

from vedette.errors import StartFailed
from vedette.health import Health, serve_health
from vedette.listen_settings import Address

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
