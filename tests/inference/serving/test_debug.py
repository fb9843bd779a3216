"""`/debug` of an inference process: for tokens of the role admin."""

import hashlib

import aiohttp
import pytest

from inference.serving.access import Access
from inference.serving.edge import ADMIN
from inference.serving.http import serve_http
from vedette.config.listen_settings import Address
from vedette.config.serving_settings import AccessToken, Role, Serving
from vedette.debug.routes import DebugRoutes
from vedette.fleet.worker_addresses import WorkerAddress
from vedette.process.health import Health
from vedette.secrets.secret import SecretText

HERE, ANYWHERE = Address(host="127.0.0.1", port=0), Address(host="0.0.0.0", port=0)
ROLES: tuple[Role, ...] = ("infer", "admin")
TOKENS = tuple(AccessToken(name=role, role=role, sha256=hashlib.sha256(role.encode()).hexdigest()) for role in ROLES)


async def status(serving: Serving, listen: Address, token: str | None = None, **headers: str) -> int:
    access = Access(serving, WorkerAddress(listen, listen))
    debug = DebugRoutes(access.check_debug, SecretText("debug"))
    sent = headers if token is None else {**headers, "Authorization": f"Bearer {token}"}
    served = serve_http(Health(), [debug], HERE, [access.middleware(ADMIN)])
    async with served as address, aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{address.port}/debug/stacks", headers=sent)
        return answer.status


@pytest.mark.parametrize(
    ("token", "expected"), [(None, 401), ("nobody", 401), ("infer", 403), ("admin", 200), ("debug", 200)]
)
async def test_with_tokens_it_is_for_admins(token: str | None, expected: int) -> None:
    assert await status(Serving(tokens=TOKENS), ANYWHERE, token) == expected


async def test_without_tokens_it_is_for_this_machine_and_no_web_page() -> None:
    assert await status(Serving(), HERE) == 200
    assert await status(Serving(), HERE, Origin="https://evil.example") == 403
    assert await status(Serving(), ANYWHERE) == 403
    assert await status(Serving(), ANYWHERE, "debug") == 200
