"""The cameras that run, kept to what is desired and ours: what changed is started, restarted or stopped, nothing else.

What is desired of a camera and can't be (a pipeline that isn't there, a record that can't be read) is refused whole:
the camera goes on as it was, and its status says why.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Protocol

from vedette.background import background
from vedette.cameras.check import CameraRefused
from vedette.cameras.record import Entry, UnreadableRecord
from vedette.cameras.store import Snapshot
from vedette.config.camera_settings import Camera
from vedette.messages import CAMERA_REMOVED

logger = logging.getLogger(__name__)

REMOVED, DISABLED, CHANGED = CAMERA_REMOVED, "the camera is disabled", "its configuration has changed"
MOVED = "another gateway takes it over"


class RunningCamera(Protocol):
    """What the fleet runs."""

    async def run(self) -> None:
        """Run until cancelled."""

    def refuse(self, why: str | None) -> None:
        """The latest change was refused, or (None) none is any more."""

    def part(self, reason: str) -> None:
        """It is about to end; `reason` is the last that its status says."""

    def close(self) -> None:
        """It has ended and will not run again: it leaves what it is registered with."""


class CameraBuilder(Protocol):
    """Makes cameras."""

    def check(self, name: str, camera: Camera) -> None:
        """Whether it can be run here. Raises CameraRefused."""

    def build(self, name: str, camera: Camera) -> RunningCamera:
        """A camera that is to run."""

    def forget(self, name: str) -> None:
        """No camera of this name runs any more: nothing of it is to stay."""


class Fleet:
    """Told of what is desired by `want`, runs it while `run` runs."""

    def __init__(self, builder: CameraBuilder) -> None:
        self._builder = builder
        self._places: dict[str, _Place] = {}
        self._desired: Collection[str] = ()
        self._ours: Collection[str] | None = None
        self._changed = asyncio.Event()
        self.told = False
        """What is desired is known."""

    def desired(self) -> dict[str, Camera]:
        """The cameras that are to run somewhere and can run here."""
        return {name: place.accepted for name, place in self._places.items() if place.accepted is not None}

    def impossible(self) -> list[str]:
        """The cameras that are to run and can't run here, not as they were before either."""
        return [name for name, place in self._places.items() if place.refused is not None and place.accepted is None]

    def running(self) -> list[str]:
        """The cameras that run, those that are about to end too."""
        return [name for name, place in self._places.items() if place.busy]

    def refused(self, name: str) -> str | None:
        """Why the latest change of a camera was not taken; None where it was."""
        return self._places[name].refused if name in self._places else None

    def want(self, snapshot: Snapshot) -> None:
        """These are the cameras that are desired now."""
        for name in [name for name in self._places if name not in snapshot.entries]:
            self._places[name].told = None
            self._places[name].want(None, REMOVED)
            if not self._places[name].busy:
                del self._places[name]
        for name, entry in snapshot.entries.items():
            if name not in self._places:
                self._places[name] = _Place(name, self._builder, self._ours is None or name in self._ours)
            self._take(entry, self._places[name])
        self._desired, self.told = snapshot.entries.keys(), True
        self._changed.set()

    def assign(self, ours: Collection[str], reasons: Mapping[str, str]) -> None:
        """Of what is desired, run these alone; `reasons`: what the others' statuses say last, where they run."""
        self._ours = ours
        for name, place in self._places.items():
            place.assign(name in ours, reasons.get(name, MOVED))
        self._changed.set()

    async def run(self) -> None:
        """Run what is desired, all of it or what was assigned, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                for place in self._places.values():
                    if place.wanted is not None and not place.busy:
                        place.busy = True
                        group.create_task(self._run(place), name=f"camera-{place.name}")

    async def _run(self, place: "_Place") -> None:
        try:
            await place.run()
        finally:
            place.busy = False
            self._builder.forget(place.name)
            if place.name not in self._desired:
                del self._places[place.name]

    def _take(self, entry: Entry, place: "_Place") -> None:
        if entry == place.told:  # of hundreds, each change of one tells all anew
            return
        place.told = entry
        why = self._objection(entry)
        place.refuse(why)
        if why is None and not isinstance(entry, UnreadableRecord):
            place.want(entry.camera if entry.camera.enabled else None, CHANGED if entry.camera.enabled else DISABLED)

    def _objection(self, entry: Entry) -> str | None:
        """Why an entry can't be what runs; None if it can."""
        if isinstance(entry, UnreadableRecord):
            return entry.why
        try:
            self._builder.check(entry.name, entry.camera)
        except CameraRefused as error:
            return str(error)
        return None


class _Place:
    """Where one camera runs: what is wanted there, one configuration after another."""

    def __init__(self, name: str, builder: CameraBuilder, assigned: bool) -> None:
        self.name = name
        self.told: Entry | None = None
        """What was desired last, taken or refused."""
        self.accepted: Camera | None = None
        """What is to run, here or elsewhere. None: nothing."""
        self.refused: str | None = None
        self.busy = False
        """`run` runs."""
        self._builder = builder
        self._assigned = assigned
        self._parting = REMOVED
        self._changed = asyncio.Event()
        self._running: RunningCamera | None = None

    @property
    def wanted(self) -> Camera | None:
        """What is to run here. None: nothing."""
        return self.accepted if self._assigned else None

    def want(self, camera: Camera | None, parting: str) -> None:
        """`camera` is to run; what runs there, and is another, ends and says `parting`."""
        self.accepted, self._parting = camera, parting
        self._changed.set()

    def assign(self, assigned: bool, parting: str) -> None:
        """It is to run here, or elsewhere: then what runs ends and says `parting`."""
        if assigned != self._assigned:
            self._assigned, self._parting = assigned, parting
            self._changed.set()

    def refuse(self, why: str | None) -> None:
        if why == self.refused:
            return
        self.refused = why
        if why is not None:
            logger.warning("%s: its configuration was refused: %s", self.name, why)
        if self._running is not None:
            self._running.refuse(why)

    async def run(self) -> None:
        """Run what is wanted, until nothing is."""
        while (camera := self.wanted) is not None:
            try:
                await self._run(camera)
            except Exception as error:  # a defect that shows with one camera must not end the others
                logger.exception("%s: internal error", self.name)
                self.refuse(f"internal error: {type(error).__name__}")
                await self._until_changed(camera)

    async def _run(self, camera: Camera) -> None:
        self._running = running = self._builder.build(self.name, camera)
        running.refuse(self.refused)
        try:
            async with background(running.run()):
                await self._until_changed(camera)
                running.part(self._parting)
        finally:
            self._running = None
            running.close()

    async def _until_changed(self, camera: Camera) -> None:
        while self.wanted == camera:
            self._changed.clear()
            await self._changed.wait()
