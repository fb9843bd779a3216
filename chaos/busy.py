"""Everything on at once: what a soak's system does besides looking at cameras."""

import asyncio
import base64
import http.client
import secrets
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
from aiohttp import web

from chaos.cameras import FACES, STREET, VIDEO, YARD
from chaos.story import Story
from chaos.system import System
from vedette.background import background

MODELS = ("coco-detector", "face-detector", "face-liveness", "face-embedding")
_REQUEST_EVERY_S, _FLAP_EVERY_S, _RECORDING_EVERY_S, _LOOK_EVERY_S = 1.0, 60.0, 120.0, 10.0


def settings(cameras: dict[str, str], receiver: str) -> dict[str, Any]:
    """Of the configuration: gates, zones, lines, masks, guard, snapshots, a cascade, a webhook."""
    yard = {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]}
    door = {"from": [0.5, 0.0], "to": [0.5, 1.0]}
    extras: dict[str, dict[str, Any]] = {
        STREET: {"zones": {"yard": yard}, "lines": {"door": door}},
        YARD: {"gate": {"mode": "activity"}, "privacy": [[[0.9, 0.0], [1.0, 0.0], [1.0, 0.1]]]},
        FACES: {"pipeline": "access"},
    }
    further = [{"model": name, "on": "face"} for name in ("face-liveness@^1", "face-embedding@^1")]
    detector = {"model": "coco-detector@^1", "confidence": 0.4}
    access = [{"model": "face-detector@^1"}, *further]
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return {
        "cameras": {name: {"url": url, "pipeline": "people"} | extras.get(name, {}) for name, url in cameras.items()},
        "pipelines": {
            "people": {"sampling": {"fps": 1}, "guard": {}, "stages": [detector]},
            "access": {"sampling": {"fps": 0.5}, "frame": {"width": 1280}, "stages": access},
        },
        "sinks": {"receiver": {"webhook": receiver, "secret": secret}},
    }


class Receiver:
    """Takes what the webhook sends."""

    def __init__(self) -> None:
        self.taken = 0
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Receiver"]:
        application = web.Application()
        application.add_routes([web.post("/", self._take)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        await request.read()
        self.taken += 1
        return web.Response()


@dataclass
class Done:
    """What a soak's system was made to do."""

    requests: int = 0
    requests_failed: int = 0
    flaps: int = 0
    recordings_wrong: list[str] = field(default_factory=list)
    """What was wrong with them: all must tell the same."""


@asynccontextmanager
async def busy(system: System) -> AsyncIterator[Done]:
    """Clients ask, a camera flaps, recordings are analyzed, lists are read, while the body runs."""
    done = Done()
    async with background(_ask(system, done), _flap(system, done), _record(system, done), _look(system)):
        yield done


async def _ask(system: System, done: Done) -> None:
    """A picture a second over REST."""
    jpeg = await asyncio.to_thread(_picture)
    while True:
        service = system.random.choice(system.detectors)
        try:
            done.requests += 1
            await asyncio.to_thread(_post, f"http://{service.http}/api/v1/detect", jpeg)
        except (OSError, http.client.HTTPException):
            done.requests_failed += 1
        await asyncio.sleep(_REQUEST_EVERY_S)


async def _flap(system: System, done: Done) -> None:
    while True:
        await asyncio.sleep(_FLAP_EVERY_S)
        system.cameras.device.vanish(YARD)
        await asyncio.sleep(2)
        system.cameras.device.resume(YARD)
        done.flaps += 1


async def _record(system: System, done: Done) -> None:
    first: Story | None = None
    while True:
        recording = await system.record()
        told, wrong = await recording.result()
        done.recordings_wrong += wrong
        if told is not None:
            first = first or told
            done.recordings_wrong += first.differences(told)
        await asyncio.sleep(_RECORDING_EVERY_S)


async def _look(system: System) -> None:
    """As the console does, and Prometheus."""
    while True:
        for service in system.services.values():
            await service.get("/metrics")
        for gateway in system.of("gateway"):
            await gateway.get("/api/v1/cameras")
        await asyncio.sleep(_LOOK_EVERY_S)


def _picture() -> bytes:
    video = cv2.VideoCapture(str(VIDEO))
    _, picture = video.read()
    video.release()
    return bytes(cv2.imencode(".jpg", picture)[1])


def _post(url: str, jpeg: bytes) -> None:
    request = urllib.request.Request(url, jpeg, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
