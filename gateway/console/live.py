"""The hub between the bus and all viewers: each event is read once, each picture only while somebody looks."""

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from typing import Protocol

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from gateway.console.outbox import Outbox
from gateway.console.scene import Place, Scene
from gateway.console.window import Window
from vedette.background import end
from vedette.bus.connection import Bus, describe
from vedette.errors import MalformedMessage
from vedette.event_parser import parse_event
from vedette.messages import Status
from vedette.object_messages import ObjectEvent
from vedette.subjects import events_filter, status

logger = logging.getLogger(__name__)

MOST_VIEWERS = 100
_TICK_S = 1.0


class LiveViewer(Protocol):
    """Whom the hub tells."""

    outbox: Outbox
    looks_at: Collection[Place]

    def wake(self) -> None:
        """There is something in the outbox."""

    def check(self) -> None:
        """A second has passed: whoever may not look any more is let go."""

    def leave(self) -> None:
        """The gateway stops."""


class Live:
    """Viewers may join before the bus is there; they are told that it isn't."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._bus: Bus | None = None
        self._viewers: set[LiveViewer] = set()
        self._windows: dict[Place, tuple[Window, asyncio.Task[None]]] = {}
        self._told_connected = False
        self._revisions: dict[str, int] = {}

    @property
    def connected(self) -> bool:
        """Whether there is a bus."""
        return self._bus is not None and self._bus.connected

    def is_full(self) -> bool:
        """Whether no further viewer is let in."""
        return len(self._viewers) >= MOST_VIEWERS

    def join(self, viewer: LiveViewer) -> None:
        """Tell this one too."""
        self._viewers.add(viewer)
        self._tell("bus", self._bus_message(), (viewer,))

    def left(self, viewer: LiveViewer) -> None:
        """Tell this one no more."""
        self._viewers.discard(viewer)
        self.look()

    def scene(self, place: Place) -> Scene | None:
        """The newest of a place that somebody looks at."""
        found = self._windows.get(place)
        return found[0].scene if found else None

    def look(self) -> None:
        """What viewers look at has changed: open and close windows."""
        wanted = {place for viewer in self._viewers for place in viewer.looks_at}
        for place in [place for place in self._windows if place not in wanted]:
            self._windows.pop(place)[1].cancel()
        if self._bus is not None:
            for place in wanted - self._windows.keys():
                self._open(self._bus, place)

    def cameras_are(self, revisions: Mapping[str, int]) -> None:
        """The revisions of the desired cameras, told again and again; what changed is read from the API."""
        if revisions == self._revisions:
            return
        self._revisions = dict(revisions)
        self._tell("cameras", '{"type":"cameras"}', self._viewers)

    async def run(self, bus: Bus) -> None:
        """Follow the bus until cancelled; then let all viewers go."""
        self._bus = bus
        try:
            await bus.client.subscribe(status(self._site, "*"), cb=self._on_message)
            await bus.client.subscribe(events_filter(self._site), cb=self._on_message)
            self.look()
            while True:
                if self.connected != self._told_connected:
                    self._told_connected = self.connected
                    self._tell("bus", self._bus_message(), self._viewers)
                for viewer in list(self._viewers):
                    viewer.check()
                await asyncio.sleep(_TICK_S)
        finally:
            for viewer in list(self._viewers):
                viewer.leave()
            await end([task for _, task in self._windows.values()])
            self._windows.clear()

    def _open(self, bus: Bus, place: Place) -> None:
        window = Window(bus, self._site, place, lambda: self._is_wanted(place), lambda: self._show(place))
        task = asyncio.create_task(_kept(window, place), name=f"window-{place.camera}")
        self._windows[place] = window, task

    def _is_wanted(self, place: Place) -> bool:
        return any(place in viewer.looks_at and viewer.outbox.has_room(place) for viewer in self._viewers)

    def _show(self, place: Place) -> None:
        for viewer in self._viewers:
            if place in viewer.looks_at:
                viewer.outbox.picture(place)
                viewer.wake()

    def _bus_message(self) -> str:
        return json.dumps({"type": "bus", "connected": self.connected})

    def _tell(self, key: str, message: str, viewers: Collection[LiveViewer]) -> None:
        for viewer in viewers:
            viewer.outbox.state(key, message)
            viewer.wake()

    async def _on_message(self, message: Msg) -> None:
        if not self._viewers:
            return
        try:
            event = parse_event(message.data)
        except MalformedMessage as error:
            logger.warning("%s: left out: %s", message.subject, error)
            return
        if isinstance(event.data, Status):
            said = event.data.model_dump_json(exclude_none=True)
            self._tell(f"camera {event.data.camera}", f'{{"type":"status","status":{said}}}', self._viewers)
            return
        kind = ".".join(message.subject.split(".")[4:])
        if isinstance(event.data, ObjectEvent):
            for place, (window, _) in self._windows.items():
                if place.camera == event.data.camera:
                    window.on_object(kind, event.data)
        text = f'{{"type":"event","kind":"{kind}","event":{event.model_dump_json(exclude_none=True)}}}'
        for viewer in self._viewers:
            viewer.outbox.event(text)
            viewer.wake()


async def _kept(window: Window, place: Place) -> None:
    """A defect of one window must not end the gateway; it is opened again when somebody looks anew."""
    try:
        await window.run()
    except NatsError as error:
        logger.warning("%s can't be looked at: %s", place.camera, describe(error))
    except Exception:
        logger.exception("showing %s failed", place.camera)
