"""The serving edge inside the test: a data plane behind real HTTP and gRPC servers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from inference.dataplane import DataPlane, Find
from inference.repository.model import Model
from inference.serving.http import serve_http
from inference.serving.limits import Limits
from inference.serving.v2.grpc_server import GrpcV2, serve_grpc
from inference.serving.v2.repository import ModelControl
from inference.serving.v2.rest import RestV2
from vedette.config.listen_settings import Address
from vedette.process.health import Health

FREE = Address(host="127.0.0.1", port=0)
LIMITS = Limits(body_bytes=1 << 20, timeout_s=60)


@dataclass
class Server:
    """What a test asks."""

    plane: DataPlane
    http: str
    """host:port."""
    grpc: str
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(f"http://{self.http}{path}") as response:
            return response.status, await response.json(content_type=None)

    async def post(self, path: str, body: bytes | object = b"", **headers: str) -> tuple[int, Any]:
        """Status and JSON; header names with `_` for `-`."""
        status, data, _ = await self.post_for_headers(path, body, **headers)
        return status, data

    async def post_for_headers(self, path: str, body: bytes | object = b"", **headers: str) -> tuple[int, Any, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(f"http://{self.http}{path}", data=data, headers=named) as response:
            return response.status, await response.json(content_type=None), response.headers


@asynccontextmanager
async def serving(
    model: Model, *, limits: Limits = LIMITS, find: Find | None = None, may_change: bool = True
) -> AsyncIterator[Server]:
    """The model behind both servers, loaded."""
    plane = DataPlane(model, "cpu", sessions=2, threads=1, decoders=1, find=find)
    control = ModelControl(plane, may_change)
    async with (
        serve_http(Health(), [RestV2(plane, control, limits)], FREE) as http,
        serve_grpc(GrpcV2(plane, control, limits), FREE, limits) as grpc,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await plane.start()
        try:
            yield Server(plane, str(http), str(grpc), session)
        finally:
            await plane.close(grace_s=1)
