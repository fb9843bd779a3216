"""Open Inference Protocol v2 over HTTP."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from aiohttp import web

from inference.dataplane import DataPlane
from inference.served_version import ServedVersion
from inference.serving.body import read_body
from inference.serving.http import STATUS, refused
from inference.serving.limits import Limits
from inference.serving.meter import Meter
from inference.serving.refusal import Refused
from inference.serving.v2.inference import infer, served
from inference.serving.v2.json_body import parsed, read_request, write_answer
from inference.serving.v2.metadata import model_metadata, server_metadata
from inference.serving.v2.repository import ModelControl

JSON_LENGTH = "Inference-Header-Content-Length"
TIMEOUT = "Request-Timeout-Ms"
_MODEL = "/v2/models/{model}"
_VERSION = _MODEL + "/versions/{version}"
_LOAD, _UNLOAD = (f"/v2/repository/models/{{model}}/{verb}" for verb in ("load", "unload"))
_MAX_COMMAND_BYTES = 64 * 1024

ADMIN = frozenset({("POST", _LOAD), ("POST", _UNLOAD)})
"""Methods and paths of the routes that change something."""


class RestV2:
    """The routes below `/v2`."""

    def __init__(self, plane: DataPlane, control: ModelControl, limits: Limits) -> None:
        self._plane = plane
        self._control = control
        self._limits = limits
        self._meter = Meter(plane.name, "http")

    @property
    def routes(self) -> Sequence[web.RouteDef]:
        """Inference first: routes are tried in their order."""
        return [
            web.post(f"/v2/models/{self._plane.name}/infer", self._infer),  # of a plain path: found by a look-up
            *(web.post(f"{path}/infer", self._infer) for path in (_MODEL, _VERSION)),
            *(web.get(f"{path}/ready", self._model_ready) for path in (_MODEL, _VERSION)),
            *(web.get(path, self._model) for path in (_MODEL, _VERSION)),
            web.get("/v2", self._server),
            web.get("/v2/health/live", self._live),
            web.get("/v2/health/ready", self._ready),
            web.post("/v2/repository/index", self._index),
            web.post(_LOAD, self._load),
            web.post(_UNLOAD, self._unload),
        ]

    async def _infer(self, request: web.Request) -> web.Response:
        begun = monotonic()
        version = ""
        try:
            version = self._version(request).model.version  # before the body is read
            response = await self._inferred(request, begun)
        except Refused as error:
            self._meter.count(version, error.kind, begun)
            return refused(error)
        except asyncio.CancelledError:
            self._meter.count(version, "cancelled", begun)
            raise
        self._meter.count(version, "ok", begun)
        return response

    async def _inferred(self, request: web.Request, begun: float) -> web.Response:
        deadline = begun + self._timeout_s(request)
        json_bytes = _whole_number(request, JSON_LENGTH)
        body = await read_body(request, self._limits.body_bytes)
        asked = read_request(body, json_bytes)
        answered = await infer(self._version(request), asked, deadline, self._meter.protocol)
        parts, json_bytes = write_answer(answered, asked.id)
        if json_bytes is None:
            return web.Response(body=parts[0], headers={"Content-Type": "application/json"})
        headers = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(json_bytes)}
        return web.Response(body=b"".join(parts), headers=headers)

    def _version(self, request: web.Request) -> ServedVersion:
        names = request.match_info
        return served(self._plane, names.get("model", self._plane.name), names.get("version"))

    def _timeout_s(self, request: web.Request) -> float:
        asked_ms = _whole_number(request, TIMEOUT)
        return self._limits.timeout_s if not asked_ms else min(asked_ms / 1000, self._limits.timeout_s)

    async def _server(self, _: web.Request) -> web.Response:
        return web.json_response(server_metadata())

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._plane.ready
        return web.json_response({"ready": ready}, status=200 if ready else STATUS["unavailable"])

    async def _model(self, request: web.Request) -> web.Response:
        names = request.match_info
        return web.json_response(model_metadata(self._plane, names["model"], names.get("version")))

    async def _model_ready(self, request: web.Request) -> web.Response:
        found = self._version(request)
        return web.json_response(
            {"name": self._plane.name, "ready": found.ready}, status=200 if found.ready else STATUS["unavailable"]
        )

    async def _index(self, request: web.Request) -> web.Response:
        asked = await _command(request)
        return web.json_response(self._control.index(only_ready=asked.get("ready") is True))

    async def _load(self, request: web.Request) -> web.Response:
        await self._control.load(request.match_info["model"], await _parameters(request))
        return web.json_response({})

    async def _unload(self, request: web.Request) -> web.Response:
        await self._control.unload(request.match_info["model"], await _parameters(request))
        return web.json_response({})


async def _command(request: web.Request) -> dict[str, Any]:
    """The object in the body, which may be empty."""
    body = await read_body(request, _MAX_COMMAND_BYTES)
    asked = parsed(body) if body else {}
    if not isinstance(asked, dict):
        raise Refused("invalid", "the request: must be an object")
    return asked


async def _parameters(request: web.Request) -> dict[str, Any]:
    parameters = (await _command(request)).get("parameters", {})
    if not isinstance(parameters, dict):
        raise Refused("invalid", "parameters: must be an object")
    return parameters


def _whole_number(request: web.Request, header: str) -> int | None:
    """None where the header is not there. Raises Refused."""
    text = request.headers.get(header)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused("invalid", f"{header} must be a whole number")
    return int(text)
