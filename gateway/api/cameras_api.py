"""`/api/v1/cameras`: the desired cameras, read and changed.

Every change goes to the KV bucket, from where this gateway and the others of its site take it. The ETag of a camera
is its revision there: with `If-Match` a change is made only to what its author has seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from aiohttp import ETag, web

from gateway.api.camera_body import read_object, refused, settings_in
from gateway.api.camera_networks import CameraNetworks
from gateway.api.guard import Guard
from gateway.api.openapi import document
from gateway.api.source_test import SourceTest
from gateway.fleet.camera_change import change_camera
from gateway.fleet.camera_edit import Edit, EditImpossible, Editor, UnknownCamera
from gateway.fleet.camera_settings import MASK, is_of_network
from gateway.fleet.fleet import Fleet
from gateway.web.audit import note_keys
from gateway.web.problem import HttpProblem
from gateway.web.request_body import read_text
from vedette.bus.connection import Bus
from vedette.cameras.check import CameraRefused
from vedette.cameras.latest_status import latest_status
from vedette.cameras.record import CameraRecord, Entry, settings_of
from vedette.cameras.store import CameraStore
from vedette.config.account_settings import AccountRole
from vedette.config.config import Config
from vedette.config.problems import ID_RULE, KeyPath, Problem
from vedette.errors import BusError, BusUnavailable, Conflict
from vedette.messages import Status

ROOT = "/api/v1"
FOR_ADMINS = frozenset({"url", "substream", "token", "tls", "recovery", "privacy"})
"""Settings with addresses and secrets, and what nobody is to see: only an admin changes them."""
_JSON = ("application/json", "application/merge-patch+json")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Backing:
    """What the API works on, once the bus is there."""

    bus: Bus
    store: CameraStore
    fleet: Fleet


class CamerasApi:
    """Its routes are made at once; they may be called when `begin` has been."""

    def __init__(self, config: Config, guard: Guard) -> None:
        self._site = config.site
        self._editor = Editor(config.pipelines, remote=True)
        self._guard = guard
        self._networks = CameraNetworks(config.gateway.camera_networks, guard.on_loopback)
        self._test = SourceTest(self._networks)
        self._backing: Backing

    def begin(self, backing: Backing) -> None:
        """The bus is there."""
        self._backing = backing

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        one = f"{ROOT}/cameras/{{name}}"
        return [
            web.get(f"{ROOT}/openapi.json", self._openapi),
            web.get(f"{ROOT}/cameras", self._guarded(self._list)),
            web.post(f"{ROOT}/cameras", self._guarded(self._add, changes=True, role="admin")),
            web.post(f"{ROOT}/cameras:test", self._guarded(self._look, changes=True)),
            web.get(one, self._guarded(self._show)),
            web.put(one, self._guarded(self._put, changes=True, role="admin")),
            web.patch(one, self._guarded(self._patch, changes=True)),
            web.delete(one, self._guarded(self._delete, changes=True, role="admin")),
        ]

    def _guarded(self, handler: Handler, changes: bool = False, role: AccountRole | None = None) -> Handler:
        @wraps(handler)
        async def handle(request: web.Request) -> web.StreamResponse:
            self._guard.check(request, changes, role)
            try:
                return await handler(request)
            except BusUnavailable as error:
                raise HttpProblem(503, str(error), headers={"Retry-After": "1"}) from error
            except CameraRefused as error:
                raise refused(error.problems) from None
            except UnknownCamera as error:
                raise HttpProblem(404, str(error)) from None
            except (EditImpossible, BusError, Conflict) as error:
                raise HttpProblem(409, str(error)) from error

        return handle

    async def _openapi(self, request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(document))  # it looks up the version in files

    async def _list(self, request: web.Request) -> web.Response:
        entries = (await self._backing.store.read()).entries
        states = await latest_status(self._backing.bus, self._site, entries)
        return web.json_response({"cameras": [self._shown(entry, states) for entry in entries.values()]})

    async def _show(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        entry = (await self._backing.store.read()).entries.get(name)
        if entry is None:
            raise UnknownCamera(name)
        return self._answer(200, entry, await latest_status(self._backing.bus, self._site, [name]))

    async def _add(self, request: web.Request) -> web.Response:
        body = await _body(request)
        name = body.get("name")
        if not isinstance(name, str):
            raise refused([Problem(("name",), ID_RULE)])
        await self._check_networks(body)
        return await self._change(request, name, self._editor.add(name, settings_in(body)))

    async def _put(self, request: web.Request) -> web.Response:
        name, body = await _named_body(request)
        await self._check_networks(body)
        return await self._change(request, name, self._editor.put(name, settings_in(body)))

    async def _patch(self, request: web.Request) -> web.Response:
        name, body = await _named_body(request)
        if FOR_ADMINS & body.keys():
            self._guard.check(request, changes=True, role="admin")
        await self._check_networks(body)
        return await self._change(request, name, self._editor.patch(name, settings_in(body)))

    async def _check_networks(self, body: dict[str, Any]) -> None:
        """Raises HttpProblem: 422. What is masked is as it was; what is no URL at all is found elsewhere."""
        found = [(key, await self._networks.problem_of(url)) for key, url in _urls(body) if MASK not in url]
        problems = [Problem(key, text) for key, text in found if text]
        if problems:
            raise refused(problems)

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await self._change(request, name, self._editor.remove(name))

    async def _look(self, request: web.Request) -> web.Response:
        return web.json_response(await self._test.answer(await _body(request)))

    async def _change(self, request: web.Request, name: str, edit: Edit) -> web.Response:
        """Make of the camera what `edit` makes of the one that is there; the answer shows what it is then."""
        condition = partial(_check_condition, request)
        changed = await change_camera(self._backing.store, name, edit, condition)
        if changed.after is None:
            return web.Response(status=204)
        return self._answer(200 if changed.before else 201, changed.after)

    def _answer(self, status: int, entry: Entry, states: dict[str, Status] | None = None) -> web.Response:
        headers = {"ETag": f'"{entry.revision}"'}
        if status == 201:
            headers["Location"] = f"{ROOT}/cameras/{entry.name}"
        return web.json_response(self._shown(entry, states or {}), status=status, headers=headers)

    def _shown(self, entry: Entry, states: dict[str, Status]) -> dict[str, Any]:
        """A camera in an answer; secrets masked."""
        shown: dict[str, Any] = {"name": entry.name, "revision": entry.revision}
        refused = self._backing.fleet.refused(entry.name)
        if isinstance(entry, CameraRecord):
            shown |= {"origin": entry.origin, **settings_of(entry.camera, whole=True)}
        else:
            refused = entry.why
        if refused is not None:
            shown["refused"] = refused
        if entry.name in states:
            shown["status"] = states[entry.name].model_dump(mode="json", exclude_none=True)
        return shown


async def _named_body(request: web.Request) -> tuple[str, dict[str, Any]]:
    """The camera in the URL, and a body that is of no other one: names don't change."""
    name, body = request.match_info["name"], await _body(request)
    if body.get("name", name) != name:
        raise refused([Problem(("name",), f"must be {name}, as in the URL, or left out")])
    return name, body


async def _body(request: web.Request) -> dict[str, Any]:
    refusal = HttpProblem(415, "the body must be application/json")
    body = read_object(await read_text(request, _JSON, refusal))
    note_keys(request, body)
    return body


def _urls(body: dict[str, Any]) -> list[tuple[KeyPath, str]]:
    """Of the network, of the camera and its substream."""
    substream = body.get("substream")
    second = substream.get("url") if isinstance(substream, dict) else substream
    found: list[tuple[KeyPath, Any]] = [(("url",), body.get("url")), (("substream", "url"), second)]
    return [(key, url) for key, url in found if isinstance(url, str) and is_of_network(url)]


def _check_condition(request: web.Request, present: Entry | None) -> None:
    """`If-Match` and `If-None-Match` (RFC 9110 section 13.1).

    Raises:
        HttpProblem: 412; 400 where one is empty, as when a script had no ETag to put there.
    """
    wanted, unwanted = request.if_match, request.if_none_match
    for name in ("If-Match", "If-None-Match"):
        if request.headers.get(name) == "":
            raise HttpProblem(400, f"{name} is empty")
    if wanted is not None and not (present and _matches(wanted, present, weakly=False)):
        raise HttpProblem(412, f"the camera {'has changed since' if present else 'is gone'}; read it again")
    if unwanted is not None and present and _matches(unwanted, present, weakly=True):
        raise HttpProblem(412, "the camera is there already")


def _matches(tags: Sequence[ETag], present: Entry, weakly: bool) -> bool:
    """Whether one of the tags is the camera's; `weakly`: a weak one too (section 8.8.3.2)."""
    return any(tag.value == "*" or (tag.value == str(present.revision) and weakly >= tag.is_weak) for tag in tags)
