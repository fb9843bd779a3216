"""`POST /api/v1/cameras:test`: what a stream is, or why it can't be read."""

import base64
import threading
from dataclasses import asdict
from typing import Any, get_args

from gateway.api.camera_body import refused
from gateway.api.camera_networks import CameraNetworks
from gateway.errors import SourceError
from gateway.fleet.camera_settings import url_problems
from gateway.reading.interface import Transport
from gateway.reading.reading_thread import read_in_thread
from gateway.sources.probe import Probe, probe
from gateway.sources.tls import CHECKED, Tls
from gateway.web.problem import HttpProblem
from vedette.cameras.check import CameraRefused, check_camera, read_camera
from vedette.config.camera_settings import WHIP
from vedette.config.pipeline_settings import Pipeline, Stage
from vedette.config.problems import Problem

_AT_A_TIME = 2
_WATCH_S = 3.0
_TIMEOUT_S = 10.0
_TRANSPORTS = get_args(Transport)
_KEYS = ("url", "transport", "verify")
_PIPELINE = "test"


class SourceTest:
    """Looks at sources, two at a time."""

    def __init__(self, networks: CameraNetworks) -> None:
        self._networks = networks
        self._running = 0

    async def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the source of `body["url"]` is: `{"ok": true, …}`, or `{"ok": false, "reason": …, "detail": …}`.

        Raises:
            HttpProblem: 422 for another body, 429 while others are looked at.
        """
        url, transport, tls = _read(body)
        against = await self._networks.problem_of(url)
        if against is not None:
            raise refused([Problem(("url",), against)])
        if self._running >= _AT_A_TIME:
            raise HttpProblem(429, f"{_AT_A_TIME} sources are being tested already", headers={"Retry-After": "5"})
        self._running += 1
        try:
            found = await look_at(url, transport, _TIMEOUT_S, _WATCH_S, tls)
        except SourceError as error:
            return {"ok": False, "reason": error.reason.value, "detail": str(error)}
        finally:
            self._running -= 1
        said = {key: value for key, value in asdict(found).items() if value is not None}
        return {"ok": True, **said, "picture": base64.b64encode(found.picture).decode()}


async def look_at(url: str, transport: Transport, timeout_s: float, watch_s: float, tls: Tls = CHECKED) -> Probe:
    """Look at a source in a thread of its own; cancelled, it leaves within two seconds.

    Raises:
        SourceError: why it can't be read.
    """
    found: list[Probe] = []

    def look(stop: threading.Event) -> None:
        found.append(probe(url, transport, tls, timeout_s=timeout_s, watch_s=watch_s, stop=stop))

    await read_in_thread("test-source", look)
    return found[0]


def _read(body: dict[str, Any]) -> tuple[str, Transport, Tls]:
    url, transport, verify = body.get("url"), body.get("transport", "auto"), body.get("verify", True)
    problems = [Problem((key,), f"unknown key (known: {', '.join(_KEYS)})") for key in body if key not in _KEYS]
    if not isinstance(url, str) or not url:
        problems.append(Problem(("url",), "must be text"))
    else:
        problems += _url_problems(url)
    if transport not in _TRANSPORTS:
        problems.append(Problem(("transport",), f"must be {', '.join(_TRANSPORTS[:-1])} or {_TRANSPORTS[-1]}"))
    if not isinstance(verify, bool):
        problems.append(Problem(("verify",), "must be true or false"))
    if problems or not isinstance(url, str):
        raise refused(problems)
    return url, transport, Tls(verify)


def _url_problems(url: str) -> list[Problem]:
    """What is wrong with a URL for a test: no camera could have it, or somebody publishes to it."""
    texts = ["is nothing that can be opened"] if url == WHIP else list(url_problems(url, remote=True))
    if texts:
        return [Problem(("url",), text) for text in texts]
    try:
        camera = read_camera(_PIPELINE, {"url": url, "pipeline": _PIPELINE, "tls": {"verify": False}})
        check_camera(_PIPELINE, camera, {_PIPELINE: Pipeline(stages=(Stage(model=_PIPELINE),))})
    except CameraRefused as error:
        return [problem for problem in error.problems if problem.key == ("url",)]
    return []
