"""`/api/v1/session`: who is signed in, signing in, and signing out."""

import asyncio
import logging
from importlib.metadata import version
from time import monotonic
from typing import Any

from aiohttp import web

from gateway.access.attempts import Attempts
from gateway.access.sessions import COOKIE
from gateway.api.camera_body import read_object, refused
from gateway.api.guard import Guard
from gateway.web.audit import CALLER
from gateway.web.problem import HttpProblem
from gateway.web.request_body import read_text
from vedette.config.problems import Problem

logger = logging.getLogger(__name__)

_PATH = "/api/v1/session"
_HASHED_AT_A_TIME = 2
"""Each needs 32 MiB, and a core for 0.1 s."""
_LONGEST_NAME = 63
"""As of any id."""


class SignIn:
    """Works without the bus."""

    def __init__(self, guard: Guard, site: str) -> None:
        self._guard = guard
        self._site = site
        self._attempts = Attempts()
        self._hashing = asyncio.Semaphore(_HASHED_AT_A_TIME)
        self._version = version("vedette")

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [web.get(_PATH, self._show), web.post(_PATH, self._begin), web.delete(_PATH, self._end)]

    async def _show(self, request: web.Request) -> web.Response:
        """Who asks, and whether they have to sign in; never 401, so that the console can say what there is to do."""
        try:
            caller = self._guard.check(request, changes=False, private=True)
        except HttpProblem as problem:
            if problem.status == 401:
                return self._said({"signed_in": False, "open": False})
            if self._guard.shut:
                return self._said({"signed_in": False, "open": False, "shut": str(problem)})
            raise
        session = self._guard.sessions.find(request.cookies.get(COOKIE))
        who = {"name": caller.name, "role": caller.role, "csrf": session.csrf if session else ""}
        return self._said({"signed_in": True, "open": not self._guard.accounts, **who})

    def _said(self, session: dict[str, Any]) -> web.Response:
        return web.json_response({"site": self._site, "version": self._version, **session}, headers=_UNKEPT)

    async def _begin(self, request: web.Request) -> web.Response:
        """`{"name", "password"}`; a token does as a password. 401 says nothing of which of the two was wrong."""
        name, password = await _credentials(request)
        address, now_s = request.remote or "", monotonic()
        wait_s = self._attempts.wait_s(address, name, now_s)
        if wait_s > 0:
            after = {"Retry-After": str(int(wait_s) + 1)}
            raise HttpProblem(429, f"too many attempts; try again in {int(wait_s) + 1} s", headers=after)
        self._attempts.failed(address, name, now_s)
        async with self._hashing:
            caller = await asyncio.to_thread(self._guard.accounts.by_password, name, password)
        if caller is None:
            logger.warning("somebody at %s failed to sign in", address)
            raise HttpProblem(401, "there is no such name with this password")
        request[CALLER] = caller
        self._attempts.succeeded(address, name)
        cookie, session = self._guard.sessions.begin(caller)
        who = {"name": caller.name, "role": caller.role, "csrf": session.csrf}
        response = self._said({"signed_in": True, "open": False, **who})
        forwarded = request.headers.get("X-Forwarded-Proto", request.scheme)
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="Strict", secure=forwarded == "https", path="/")
        return response

    async def _end(self, request: web.Request) -> web.Response:
        self._guard.check(request, changes=True, role="viewer")
        self._guard.sessions.end(request.cookies.get(COOKIE))
        response = self._said({"signed_in": False, "open": not self._guard.accounts})
        response.del_cookie(COOKIE, path="/")
        return response


_UNKEPT = {"Cache-Control": "no-store"}


async def _credentials(request: web.Request) -> tuple[str, str]:
    refusal = HttpProblem(415, "the body must be application/json")
    body = read_object(await read_text(request, ("application/json",), refusal))
    name, password = body.get("name", ""), body.get("password")
    texts = {"name": name, "password": password}
    problems = [Problem((key,), "must be text") for key, value in texts.items() if not isinstance(value, str)]
    if isinstance(name, str) and len(name) > _LONGEST_NAME:  # it is remembered for a while
        problems.append(Problem(("name",), f"is over {_LONGEST_NAME} characters"))
    if problems or not isinstance(name, str) or not isinstance(password, str):
        raise refused(problems)
    return name, password
