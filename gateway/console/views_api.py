"""What the console reads beside the cameras, under `/api/v1`: `events`, `models`, `pipelines`, `identities`."""

from aiohttp import web

from gateway.api.guard import Guard
from gateway.console.event_history import Wanted, latest_events
from gateway.console.identities_list import enrolled_people
from gateway.console.model_states import model_states
from gateway.web.problem import HttpProblem
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.config.pipeline_settings import Pipeline, Stage
from vedette.errors import BusUnavailable, ConfigError
from vedette.ids import is_id
from vedette.object_messages import SCENE_EVENTS

_MOST_EVENTS = 500
_MOST_CHARACTERS = 63


class ViewsApi:
    """Its routes may be called when `begin` has been."""

    def __init__(self, config: Config, guard: Guard) -> None:
        self._config = config
        self._site = config.site
        self._guard = guard
        self._pipelines = config.pipelines
        self._bus: Bus

    def begin(self, bus: Bus) -> None:
        """The bus is there."""
        self._bus = bus

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.get("/api/v1/events", self._events),
            web.get("/api/v1/models", self._models),
            web.get("/api/v1/pipelines", self._list_pipelines),
            web.get("/api/v1/identities", self._identities),
        ]

    async def _events(self, request: web.Request) -> web.Response:
        self._guard.check(request, changes=False, private=True)
        wanted = _wanted(request)
        try:
            return web.json_response({"events": await latest_events(self._bus, self._site, wanted)})
        except BusUnavailable as error:
            raise _away(error) from error

    async def _models(self, request: web.Request) -> web.Response:
        self._guard.check(request, changes=False, private=True)
        try:
            return web.json_response({"models": await model_states(self._bus, self._site, self._pipelines)})
        except BusUnavailable as error:
            raise _away(error) from error

    async def _identities(self, request: web.Request) -> web.Response:
        """Who is enrolled: names of people, so not for every viewer."""
        self._guard.check(request, changes=False, role="operator")
        try:
            return web.json_response({"people": await enrolled_people(self._bus, self._config)})
        except BusUnavailable as error:
            raise _away(error) from error
        except ConfigError as error:
            raise HttpProblem(409, str(error)) from error

    async def _list_pipelines(self, request: web.Request) -> web.Response:
        """What a camera may be for, and at which rate it is then sampled."""
        self._guard.check(request, changes=False, private=True)
        found = [
            {
                "name": name,
                "fps": pipeline.sampling.fps,
                "models": [stage.model for stage in pipeline.stages if isinstance(stage, Stage)],
                "labels": _labels(pipeline),
            }
            for name, pipeline in self._pipelines.items()
        ]
        return web.json_response({"pipelines": found})


def _labels(pipeline: Pipeline) -> list[str]:
    """What is detected; empty: whatever the model knows."""
    first = pipeline.stages[0]
    return list(first.labels or ()) if isinstance(first, Stage) else []


def _away(error: BusUnavailable) -> HttpProblem:
    return HttpProblem(503, str(error), headers={"Retry-After": "1"})


def _wanted(request: web.Request) -> Wanted:
    """Raises HttpProblem: 400."""
    asked = request.query
    camera, kind, label = (asked.get(key) or None for key in ("camera", "kind", "label"))
    if camera is not None and not is_id(camera):
        raise HttpProblem(400, "camera: is no camera's name")
    if kind is not None and kind not in SCENE_EVENTS:
        raise HttpProblem(400, f"kind: must be one of {', '.join(SCENE_EVENTS)}")
    if label is not None and len(label) > _MOST_CHARACTERS:
        raise HttpProblem(400, "label: is too long")
    limit = _count(asked.get("limit", "100"), "limit")
    before = _count(asked["before"], "before") if "before" in asked else None
    return Wanted(camera, kind, label, before, max(1, min(limit, _MOST_EVENTS)))


def _count(text: str, key: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HttpProblem(400, f"{key}: must be a number")
    return int(text)
