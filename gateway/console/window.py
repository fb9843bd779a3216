"""One camera that somebody looks at: its newest picture with what was detected in it, a few times a second.

Detections name the very picture that was inferred (PICTURES), so boxes are drawn on what they were found in. Where
nothing was found, or nothing is inferred, the camera's newest frame (FRAMES) is shown without boxes.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError
from pydantic import ValidationError
from pydantic_core import to_json

from gateway.console.event_history import Wanted, latest_events
from gateway.console.object_ids import KNOWN_FOR_S, ObjectIds
from gateway.console.scene import Place, Scene, scene_of
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable, MalformedMessage
from vedette.event_parser import parse_event
from vedette.frames import FrameHeaders
from vedette.messages import Detections, DetectionsEvent
from vedette.object_messages import OBJECT_END, ObjectEvent
from vedette.streams import FRAMES, PICTURES
from vedette.subjects import Feed

logger = logging.getLogger(__name__)

MOST_FPS = 4.0
_EVENTS_LEARNT_FROM = 60
_TICK_S = 1.0
_QUIET_S = 5.0
"""After so long without detections the newest frame is shown instead."""


class Window:
    """`run` it while somebody looks."""

    def __init__(self, bus: Bus, site: str, place: Place, wanted: Callable[[], bool], show: Callable[[], None]) -> None:
        """`wanted`: whether anybody would get a new picture soon; `show`: `scene` is a new one."""
        self.scene: Scene | None = None
        self._bus = bus
        self._place = place
        self._feed = Feed(place.pipeline, site, place.camera)
        self._wanted = wanted
        self._show = show
        self._objects = ObjectIds()
        self._latest: bytes | None = None
        self._inferred_s = -inf
        self._arrived = asyncio.Event()
        self._shown: tuple[int, int] = (0, -1)

    def on_object(self, kind: str, event: ObjectEvent) -> None:
        """Something happened to an object before this camera."""
        if event.pipeline == self._place.pipeline:
            now = event.object
            self._objects.on_object(now.id, now.label, now.bbox, kind == OBJECT_END, monotonic(), now.velocity)

    async def run(self) -> None:
        """Until cancelled."""
        subscription = await self._bus.client.subscribe(self._feed.detections, cb=self._on_detections)
        try:
            await self._learn()
            while True:
                began_s = monotonic()
                if self._wanted():
                    await self._look()
                await asyncio.sleep(max(0.0, began_s + 1 / MOST_FPS - monotonic()))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._arrived.wait()
                self._arrived.clear()
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def _learn(self) -> None:
        """Which objects there are already: events of theirs may not come for long."""
        wanted = Wanted(self._place.camera, limit=_EVENTS_LEARNT_FROM)
        try:
            found = await latest_events(self._bus, self._feed.site, wanted)
        except BusUnavailable as error:
            logger.debug("what is before %s is learnt as it moves: %s", self._place.camera, error)
            return
        oldest = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=KNOWN_FOR_S)
        for one in reversed(found):
            with suppress(MalformedMessage):
                event = parse_event(to_json(one["event"]))
                if isinstance(event.data, ObjectEvent) and event.data.object.last_seen > oldest:
                    self.on_object(one["kind"], event.data)

    async def _on_detections(self, message: Msg) -> None:
        self._latest, self._inferred_s = message.data, monotonic()
        self._arrived.set()

    async def _look(self) -> None:
        try:
            detections, picture = await self._read()
        except (NatsError, TimeoutError) as error:
            logger.debug("no picture of %s: %s", self._place.camera, describe(error))
            return
        if picture is None:
            return
        try:
            headers = FrameHeaders.decode(picture.headers or {})
        except MalformedMessage as error:
            logger.warning("a picture of %s is left out: %s", self._place.camera, error)
            return
        epoch, seq = self._shown
        if headers.epoch == epoch and headers.seq < seq + (detections is None):
            return  # nothing new; of a picture that is shown already, what was found in it is
        self._shown = (headers.epoch, headers.seq)
        ids = self._objects.name(detections.detections, monotonic()) if detections else []
        self.scene = scene_of(self._place, picture.data or b"", headers, detections, ids)
        self._show()

    async def _read(self) -> tuple[Detections | None, RawStreamMsg | None]:
        latest, self._latest = self._latest, None
        detections = _parsed(latest) if latest is not None else None
        if detections is not None and detections.frame.picture is not None:
            picture = await self._stored(PICTURES, detections.frame.picture)
            if picture is not None:
                return detections, picture
        if detections is None and self.scene is not None and monotonic() - self._inferred_s < _QUIET_S:
            return None, None  # the newest frame is about to be inferred
        return None, await self._stored(FRAMES, None)

    async def _stored(self, stream: str, seq: int | None) -> RawStreamMsg | None:
        """A picture by its sequence, or the newest frame; None: it is gone."""
        try:
            if seq is not None:
                return await self._bus.jetstream.get_msg(stream, seq, direct=True)
            return await self._bus.jetstream.get_last_msg(stream, self._feed.frame, direct=True)
        except APIError:
            return None


def _parsed(payload: bytes) -> Detections | None:
    try:
        return DetectionsEvent.model_validate_json(payload).data
    except ValidationError:
        return None
