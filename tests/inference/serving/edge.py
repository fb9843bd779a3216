"""The whole edge of an inference process inside the test: HTTP and gRPC with their certificates, tokens and limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from inference.dataplane import DataPlane, Find
from inference.identities.routes import IdentityRoutes
from inference.repository.model import Model
from inference.repository.opening import open_repository
from inference.rollout.routes import RolloutRoutes
from inference.serving.edge import Edge
from inference.serving.http import Service
from inference.serving.load import Load
from inference.serving.openapi.document import OpenApi
from inference.serving.v2.repository import ModelControl
from inference.serving.v2.rest import RestV2
from inference.serving.vision.addresses import fetcher
from inference.serving.vision.rest import VisionRest
from tests.inference.serving.models import colours
from vedette.audit.trail import AuditTrail
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.fleet.worker_addresses import WorkerAddress
from vedette.process.health import Health

__all__ = ["Answer", "Served", "colours", "edge", "printed_by", "versions_of"]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Served:
    """What a test asks."""

    plane: DataPlane
    port: int
    grpc_port: int
    url: str
    session: aiohttp.ClientSession
    load: Load
    services: list[Service]
    trail: AuditTrail

    async def ask(
        self, method: str, path: str, data: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        async with self.session.request(
            method, f"{self.url}{path}", data=data, headers=dict(headers or {}), **options
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(self, path: str, data: Any = b"", headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("POST", path, data, headers)


@asynccontextmanager
async def edge(
    model: Model,
    serving: Mapping[str, Any] | None = None,
    *,
    host: str = "127.0.0.1",
    find: Find | None = None,
    pipelines: Mapping[str, Any] | None = None,
    timeout_s: float = 60,
    request_mib: int = 1,
) -> AsyncIterator[Served]:
    """The model behind both servers, as the process builds them, loaded."""
    config = Config.model_validate(
        {
            "site": "plant-1",
            "serving": serving or {},
            "pipelines": pipelines or {},
            "inference": {"request_mib": request_mib, "request_timeout_s": timeout_s},
        }
    )
    anywhere = Address(host=host, port=0)
    found = await asyncio.to_thread(Edge, config, WorkerAddress(anywhere, anywhere))
    plane = DataPlane(model, "cpu", sessions=2, threads=1, decoders=2, find=find)
    control = ModelControl(plane, found.access.may_change)
    vision = VisionRest(plane, found.limits, config.pipelines, fetcher(config.serving.urls))
    services: list[Service] = [
        RestV2(plane, control, found.limits),
        vision,
        RolloutRoutes(plane.name, found.access.may_change),
        IdentityRoutes(config, open_repository(config), found.limits),
        OpenApi(),
    ]
    async with (
        found.http(Health(), services) as http,
        found.grpc(plane, control) as grpc,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await plane.start()
        try:
            yield Served(
                plane,
                http.port,
                grpc.port,
                f"{found.scheme}://127.0.0.1:{http.port}",
                session,
                found.load,
                services,
                found.changes.trail,
            )
        finally:
            await plane.close(grace_s=1)


def versions_of(folder: Path, *versions: str) -> dict[str, Model]:
    """`colours` in several versions, which differ by their number alone."""
    model = colours(folder)
    (release,) = model.card.versions.values()
    card = model.card.model_copy(update={"versions": dict.fromkeys(versions, release)})
    return {version: replace(model, card=card, version=version) for version in versions}


async def printed_by(*words: str) -> str:
    """What a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()
