"""A console on a real bus, without cameras: what would come from them is published by the test."""

import asyncio
import datetime as dt
import json
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from gateway.api.guard import Guard
from gateway.console.console import Console
from gateway.web.http import Door, serve_http
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.account_settings import Account
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.frames import FrameHeaders
from vedette.messages import Detection, Detections, FrameRef, Model, Timing, detections_event
from vedette.process.health import Health
from vedette.subjects import Feed

SITE, CAMERA, PIPELINE = "plant", "gate", "people"
FEED = Feed(PIPELINE, SITE, CAMERA)
FREE = Address(host="127.0.0.1", port=0)
WAIT_S = 60.0


class Running(NamedTuple):
    console: Console
    guard: Guard
    address: Address
    session: ClientSession

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"


@asynccontextmanager
async def running_console(bus: Bus, accounts: Sequence[Account] = ()) -> AsyncIterator[Running]:
    """A console that is served, with the bus behind it."""
    config = Config.model_validate(
        {"site": SITE, "pipelines": {PIPELINE: {"stages": [{"model": "coco-detector", "labels": ["person"]}]}}}
    )
    guard = Guard(None, FREE, accounts)
    console = await asyncio.to_thread(Console, config, guard)
    console.begin(bus)
    door = Door()
    door.is_open = True
    async with (
        serve_http(Health(), door, console.routes(), FREE, console.early()) as address,
        background(console.run(bus)),
        ClientSession() as session,
    ):
        yield Running(console, guard, address, session)


async def looking(socket: ClientWebSocketResponse, csrf: str = "", camera: str = CAMERA) -> None:
    """Say hello, and look at a camera."""
    await socket.send_json({"type": "hello", "csrf": csrf})
    await socket.send_json({"type": "look", "at": [[camera, PIPELINE]]})


class Picture(NamedTuple):
    said: dict[str, Any]
    jpeg: bytes


async def next_picture(socket: ClientWebSocketResponse) -> Picture:
    """The next picture; what comes before it is passed over."""
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await socket.receive()
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            if message.type is WSMsgType.BINARY:
                (length,) = struct.unpack(">I", message.data[:4])
                return Picture(json.loads(message.data[4 : 4 + length]), message.data[4 + length :])


async def next_said(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of a type."""
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await socket.receive()
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            if message.type is WSMsgType.TEXT and json.loads(message.data)["type"] == kind:
                return dict(json.loads(message.data))


def headers(seq: int, epoch: int = 7) -> FrameHeaders:
    now = dt.datetime.now(dt.UTC)
    return FrameHeaders(epoch, seq, 1.0, now, "arrival", 12.0, 1000.0, 640, 480)


async def show_frame(bus: Bus, seq: int, jpeg: bytes) -> None:
    """A frame is sampled."""
    await bus.publish_confirmed(FEED.frame, jpeg, headers(seq).encode())


async def show_detections(bus: Bus, seq: int, jpeg: bytes, x: float = 0.1) -> None:
    """A frame is inferred, and a person found in it."""
    head = headers(seq)
    stored = await bus.publish_confirmed(FEED.picture, jpeg, head.encode())
    await bus.client.publish(FEED.detections, _detections(head, stored.seq, x))


def _detections(head: FrameHeaders, picture: int, x: float) -> bytes:
    frame: FrameRef = head.reference(head.captured_at, picture)
    data = Detections(
        site=SITE,
        camera=CAMERA,
        pipeline=PIPELINE,
        frame=frame,
        model=Model(name="coco-detector", version="1.0.0", digest="sha256:00"),
        detections=(Detection(label="person", confidence=0.8, bbox=(x, 0.2, 0.1, 0.3)),),
        timing=Timing(queue_ms=1.0, infer_ms=20.0, total_ms=43.0, batch_size=2),
    )
    return detections_event(data).model_dump_json().encode()
