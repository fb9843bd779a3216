"""The roll-out of this process's model over HTTP.

    GET    /api/v1/rollouts/{model}           what is wanted, its revision (ETag), and how each replica stands
    PUT    /api/v1/rollouts/{model}           {"candidate": "1.1.0", "share": 0.1, "shadow": …, "sample": …, …}
    DELETE /api/v1/rollouts/{model}           no roll-out any more
    POST   /api/v1/rollouts/{model}/promote   the candidate becomes stable
    POST   /api/v1/rollouts/{model}/rollback  without the candidate, or back to the version before

Changes take `If-Match: "<revision>"`; one that is not the revision any more is answered with 412, a change that another
one has overtaken with 409. Replicas follow within a second or two.
"""

import re
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from pydantic import ValidationError

from inference.errors import ModelError
from inference.repository.store import RepositoryUnavailable
from inference.rollout.control import RolloutControl, Shown
from inference.rollout.record import RolloutRefused, faults
from inference.rollout.settings import Rollout
from inference.rollout.status import replicas_of
from inference.serving.audit import note_keys
from inference.serving.body import read_body
from inference.serving.http import problem
from inference.serving.refusal import Refused
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable, Conflict

_MODEL = "/api/v1/rollouts/{model}"
_MOST_BYTES = 1 << 16

ADMIN = frozenset({("PUT", _MODEL), ("DELETE", _MODEL), ("POST", f"{_MODEL}/promote"), ("POST", f"{_MODEL}/rollback")})
"""Methods and paths of the routes that change something."""


class RolloutRoutes:
    """`connect` gives it what it works with; until then it answers 503."""

    def __init__(self, model: str, may_change: bool) -> None:
        """`may_change`: whether clients may change anything."""
        self._model = model
        self._may_change = may_change
        self._control: RolloutControl | None = None
        self._bus: Bus | None = None

    def connect(self, control: RolloutControl, bus: Bus) -> None:
        """From now on it serves."""
        self._control, self._bus = control, bus

    @property
    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get(_MODEL, self._get),
            web.put(_MODEL, self._put),
            web.delete(_MODEL, self._delete),
            web.post(f"{_MODEL}/promote", self._promote),
            web.post(f"{_MODEL}/rollback", self._rollback),
        ]

    async def _get(self, request: web.Request) -> web.Response:
        return await self._answer(request, lambda control, _: control.show())

    async def _put(self, request: web.Request) -> web.Response:
        self._check_change()
        try:
            rollout = Rollout.model_validate_json(await read_body(request, _MOST_BYTES))
        except ValidationError as error:
            raise Refused("invalid", faults(error)) from None
        note_keys(request, rollout.model_fields_set)
        return await self._answer(request, lambda control, revision: control.set(rollout, revision))

    async def _delete(self, request: web.Request) -> web.Response:
        self._check_change()
        return await self._answer(request, lambda control, revision: control.end(revision))

    async def _promote(self, request: web.Request) -> web.Response:
        self._check_change()
        return await self._answer(request, lambda control, revision: control.promote(revision))

    async def _rollback(self, request: web.Request) -> web.Response:
        self._check_change()
        return await self._answer(request, lambda control, revision: control.rollback(revision))

    def _check_change(self) -> None:
        if not self._may_change:
            raise Refused("forbidden", "roll-outs are changed over loopback only")

    async def _answer(
        self, request: web.Request, act: Callable[[RolloutControl, int | None], Awaitable[Shown]]
    ) -> web.Response:
        """What `act` gives. Raises Refused."""
        model = request.match_info["model"]
        if model != self._model:
            raise Refused("unknown", f"there is no model {model[:64]!r} here; there is {self._model}")
        if self._control is None or self._bus is None:
            raise Refused("unavailable", "there is no bus yet", 1.0)
        revision = _expected(request)
        try:
            shown = await act(self._control, revision)
            replicas = await replicas_of(self._bus, model)
        except Conflict as error:
            return problem(409 if revision is None else 412, str(error))
        except (RolloutRefused, ModelError) as error:
            raise Refused("invalid", str(error)) from None
        except (BusUnavailable, RepositoryUnavailable) as error:
            raise Refused("unavailable", str(error), 1.0) from None
        body = {**shown.as_json(), "replicas": replicas}
        return web.json_response(body, headers={"ETag": f'"{shown.revision}"'})


def _expected(request: web.Request) -> int | None:
    """The revision that the client has seen. Raises Refused."""
    text = request.headers.get("If-Match", "*")
    if text == "*":
        return None
    if (match := re.fullmatch(r'"(\d{1,18})"', text)) is None:
        raise Refused("invalid", 'If-Match is a revision in quotes, as in "7"')
    return int(match[1])
