"""`/debug` of the gateway: for admins, from the first moment on."""

import hashlib

import aiohttp
import pytest

from gateway.api import Guard
from gateway.api.debug import debug_routes
from gateway.web.http import Door, serve_http
from vedette.config.account_settings import ROLES, Account
from vedette.config.debug_settings import Debug
from vedette.config.listen_settings import Address
from vedette.process.health import Health
from vedette.secrets.secret import SecretText

HERE, ANYWHERE = Address(host="127.0.0.1", port=0), Address(host="0.0.0.0", port=0)
ACCOUNTS = [Account(name=role, role=role, token_sha256=hashlib.sha256(role.encode()).hexdigest()) for role in ROLES]
DEBUG = Debug(token=SecretText("debug"))


async def status(guard: Guard, settings: Debug, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    routes = debug_routes(guard, settings)
    async with serve_http(Health(), Door(), [], HERE, routes) as address, aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{address.port}/debug/stacks", headers=headers)
        return answer.status


@pytest.mark.parametrize(
    ("token", "expected"), [(None, 401), ("nobody", 401), ("viewer", 403), ("operator", 403), ("admin", 200)]
)
async def test_with_accounts_it_is_for_admins(token: str | None, expected: int) -> None:
    assert await status(Guard(None, ANYWHERE, ACCOUNTS), Debug(), token) == expected


async def test_a_token_of_its_own_lets_in_beside_them() -> None:
    assert await status(Guard(None, ANYWHERE, ACCOUNTS), DEBUG, "debug") == 200
    assert await status(Guard(None, ANYWHERE, ACCOUNTS), DEBUG, "admin") == 200
    assert await status(Guard(None, ANYWHERE), DEBUG, "debug") == 200
    assert await status(Guard(None, ANYWHERE), DEBUG, None) == 403
    assert await status(Guard(None, HERE), Debug(), None) == 200
