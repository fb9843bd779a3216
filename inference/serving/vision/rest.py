"""`:detect`: pictures in, what the model says of them out. See docs/serving.md."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from aiohttp import web

from inference import metrics
from inference.dataplane import DataPlane
from inference.errors import InferenceError, ModelError
from inference.served_version import ServedVersion
from inference.serving.http import refused as refusal
from inference.serving.limits import Limits
from inference.serving.meter import Meter
from inference.serving.refusal import Refused
from inference.serving.vision.answers import model_of, problem_of, refusal_of, result_of
from inference.serving.vision.asked import Asked, read_query
from inference.serving.vision.media import Form, media_type, newest, wanted
from inference.serving.vision.pictures import Fetch, Given, Pictures, read_pictures
from vedette.config.pipeline_settings import Pipeline

_MODEL = "/v1/models/{model}"
DEFAULT = "/api/v1/detect"
DETECT = f"{_MODEL}:detect"
DETECT_VERSION = f"{_MODEL}/versions/{{version}}:detect"


class VisionRest:
    """The routes."""

    def __init__(
        self, plane: DataPlane, limits: Limits, pipelines: Mapping[str, Pipeline], fetch: Fetch | None = None
    ) -> None:
        """`pipelines` are those that begin with this model; without `fetch` no URL is."""
        self._plane = plane
        self._limits = limits
        self._pipelines = pipelines
        self._fetch = fetch
        self._meter = Meter(plane.name, "vision")

    @property
    def routes(self) -> Sequence[web.RouteDef]:
        """Those of plain paths first: they are found by a look-up."""
        paths = (f"/v1/models/{self._plane.name}:detect", DEFAULT, DETECT, DETECT_VERSION)
        return [web.post(path, self._detect) for path in paths]

    async def _detect(self, request: web.Request) -> web.StreamResponse:
        begun = monotonic()
        version = ""
        try:
            served, form, named = self._served(request)
            version = served.model.version
            asked = read_query(request.query, self._pipelines, served.model.card.labels)
            pictures = await read_pictures(request, self._limits.body_bytes)
            served, form, named = self._served(request)  # it may have been let go meanwhile
            deadline = begun + min(asked.timeout_s or self._limits.timeout_s, self._limits.timeout_s)
        except Refused as error:
            self._meter.count(version, error.kind, begun)
            return refusal(error)
        except asyncio.CancelledError:
            self._meter.count(version, "cancelled", begun)
            raise
        answering = _Answering(self, served, asked, begun, deadline)
        content_type = media_type(form, named)
        with served.use():
            if form == "x-ndjson":
                return await answering.lines(request, pictures, content_type)
            return await answering.whole(pictures, content_type)

    def _served(self, request: web.Request) -> tuple[ServedVersion, Form, str | None]:
        """Who answers, how, and the version's number where the media type of the answer says it. Raises Refused."""
        names = request.match_info
        if (name := names.get("model", self._plane.name)) != self._plane.name:
            raise Refused("unknown", f"there is no model {name[:64]!r} here; there is {self._plane.name}")
        try:
            served = self._plane.version(names.get("version"))
        except ModelError as error:
            raise Refused("unknown", str(error)) from None
        form, named = self._acceptable(request, served, "version" in names)
        served = served if named is None else self._plane.version(named)
        if not served.ready:
            raise Refused("unavailable", f"{name} {served.model.version} is not ready", 1.0)
        if served.model.card.task == "tensor":
            raise Refused("invalid", f"{name} takes tensors, not pictures: ask /v2/models/{name}/infer")
        return served, form, named

    def _acceptable(self, request: web.Request, served: ServedVersion, fixed: bool) -> tuple[Form, str | None]:
        for form, numbers in wanted(request.headers.get("Accept", "")):
            if numbers is None:
                return form, None
            if (version := newest(numbers, self._there(served, fixed))) is not None:
                return form, version
        versions = self._there(served, fixed)
        types = [media_type("json", version) for version in versions]
        why = f"nothing that is accepted can be had; there is: {', '.join(['application/json', *types])}"
        raise Refused("unacceptable", why, details={"versions": versions, "media_types": types})

    def _there(self, served: ServedVersion, fixed: bool) -> list[str]:
        """The versions to choose from: the one that the path names, or all that are loaded."""
        if fixed:
            return [served.model.version]
        return [state.version for state in self._plane.index() if state.state == "ready"]

    async def infer(self, served: ServedVersion, given: Given, asked: Asked, deadline: float) -> dict[str, Any]:
        """The result for one picture. Raises Refused."""
        begun = monotonic()
        version = served.model.version
        try:
            data = await given.bytes_of(self._fetch)
            found = await served.pictures.infer(
                data, deadline, "request", asked.inspection, asked.priority, self._meter.protocol
            )
            result = result_of(found, asked)
        except InferenceError as error:
            refused = refusal_of(error)
            self._meter.count(version, refused.kind, begun)
            raise refused from None
        except asyncio.CancelledError:
            self._meter.count(version, "cancelled", begun)
            raise
        self._meter.count(version, "ok", begun)
        role = "stable" if served is self._plane.stable else "requested"
        metrics.SERVED_BY.labels(self._plane.name, version, role).inc()
        return result


class _Answering:
    """One request's answers."""

    def __init__(self, rest: VisionRest, served: ServedVersion, asked: Asked, begun: float, deadline: float) -> None:
        self._rest = rest
        self._served = served
        self._asked = asked
        self._begun = begun
        self._deadline = deadline

    async def whole(self, pictures: Pictures, content_type: str) -> web.Response:
        """All at once: the one result, or a list."""
        model = model_of(self._served.model)
        if pictures.several:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._entry(index, one)) for index, one in enumerate(pictures.given)]
            body: dict[str, Any] = {"model": model, "results": [task.result() for task in tasks]}
        else:
            try:
                result = await self._rest.infer(self._served, pictures.given[0], self._asked, self._deadline)
            except Refused as error:
                return refusal(error)
            body = {"model": model, **result}
        return web.Response(body=_json(body), headers={"Content-Type": content_type})

    async def lines(self, request: web.Request, pictures: Pictures, content_type: str) -> web.StreamResponse:
        """A line for each, as they are ready."""
        response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
        await response.prepare(request)
        model = model_of(self._served.model)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._entry(index, one)) for index, one in enumerate(pictures.given)]
            for done in asyncio.as_completed(tasks):
                entry = await done
                await response.write(_json({**entry, "model": model}) + b"\n")
        await response.write_eof()
        return response

    async def _entry(self, index: int, given: Given) -> dict[str, Any]:
        named = {"index": index, **({"name": given.name[:200]} if given.name else {})}
        try:
            return {**named, **await self._rest.infer(self._served, given, self._asked, self._deadline)}
        except Refused as error:
            return {**named, **problem_of(error)}


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
