"""A client of a running gateway's API."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import ClientSession

from tests.gateway.run_gateway import SITE, gateway
from tests.waiting import until_async
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.fleet.members import live_members


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


class Api:
    """Sends requests to `/api/v1` of a gateway."""

    def __init__(self, session: ClientSession, address: str) -> None:
        self.address = address
        self._session = session

    async def __call__(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}, raw: bytes | None = None
    ) -> Answer:
        """`body` goes as JSON, `raw` as it is."""
        kind = {"Content-Type": "application/json"} if body is not None or raw is not None else {}
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        url = f"http://{self.address}/api/v1{path}"
        async with self._session.request(method, url, data=data, headers={**kind, **headers}) as answer:
            return Answer(answer.status, answer.headers, await answer.text())


@asynccontextmanager
async def running_api(config: Config, bus: Bus) -> AsyncIterator[Api]:
    """A gateway that runs, and its API."""
    async with gateway(config), ClientSession() as session:
        await until_async(lambda: live_members(bus, SITE), "it is a member")
        (member,) = await live_members(bus, SITE)
        yield Api(session, member.http)
