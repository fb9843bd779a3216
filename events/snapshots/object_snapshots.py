"""The snapshots of one partition's objects, beside its detections: these never wait for a picture.

What is stored does not follow from the detections alone (a picture may be gone, a server away), so it has no part in
the scenes, in what is saved of them, nor in the ids and revisions of their events. An event names what was stored when
it was published. That something was stored is an event of its own, whose id is made of the object and the picture: a
predecessor's and ours are one.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from events.metrics import SNAPSHOTS
from events.objects.announcer import SceneEvent
from events.scenes.camera_scene import SceneKey
from events.snapshots.choice import Choice
from events.snapshots.maker import SnapshotMaker
from events.snapshots.portrait import Portrait
from vedette.errors import BusUnavailable, VedetteError
from vedette.object_messages import IdentityMatch, ObjectEnd, ObjectEvent, Snapshot
from vedette.snapshots.record import SnapshotRecord

logger = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0
_MOST_NAMES = 1000
"""They are saved with the partition's position: one message, of 1 MiB."""

Announce = Callable[[SceneKey, str, Snapshot], Awaitable[None]]
"""Publishes that there is a snapshot of an object; raises what ends the partition."""


class ObjectSnapshots:
    """While the partition is ours. `run` runs beside `see` and `named`, which take no time."""

    def __init__(self, maker: SnapshotMaker, announce: Announce) -> None:
        self._maker = maker
        self._announce = announce
        self._choice = Choice(maker.settings.better, maker.settings.every_s)
        self._names: dict[str, str] = {}
        self._unwritten: OrderedDict[str, tuple[SceneKey, str]] = OrderedDict()
        self._unread: dict[str, SceneKey] = {}
        """Objects of which a predecessor may have stored pictures."""
        self._read: set[str] = set()
        """Those of which it was looked up."""
        self._in_hand: set[str] = set()
        """Objects whose pictures are being taken."""
        self._writing = asyncio.Lock()
        self._woken = asyncio.Event()

    @property
    def unwritten(self) -> dict[str, tuple[SceneKey, str]]:
        """By object, who it is, where the records of its pictures don't say so yet. To be saved with the partition:
        nobody hears once more of who was recognised before that."""
        return dict(self._unwritten)

    def begin(
        self, known: Mapping[str, tuple[SceneKey, str | None]], unwritten: Mapping[str, tuple[SceneKey, str]]
    ) -> None:
        """Objects that a predecessor has followed, by id, and who they are; and what it has left `unwritten`."""
        for object_id, (key, person) in unwritten.items():
            self._note_name(key, object_id, person)
        for object_id, (key, name) in known.items():
            self._unread[object_id] = key
            if name is not None:
                self._note_name(key, object_id, name)

    def see(self, portraits: Iterable[Portrait], behind: bool) -> None:
        """The newest frame's. `behind`: it may be one that a predecessor has seen."""
        if not self._maker.settings.enabled:
            return
        for portrait in portraits:
            if behind and portrait.object not in self._read:
                self._unread[portrait.object] = SceneKey(portrait.site, portrait.camera, portrait.pipeline)
                self._woken.set()
            if self._choice.offer(portrait):
                self._woken.set()
        for reason, number in self._choice.dropped.items():
            SNAPSHOTS.labels(reason).inc(number)
        self._choice.dropped.clear()

    def named(self, said: SceneEvent) -> SceneEvent:
        """The event, which names the object's best snapshot now."""
        data = said.data
        if not isinstance(data, ObjectEvent):
            return said
        snapshot = self._choice.best(data.object.id)
        if isinstance(data, IdentityMatch):
            self._note_name(SceneKey(data.site, data.camera, data.pipeline), data.object.id, data.identity)
        elif isinstance(data, ObjectEnd):
            self._choice.forget(data.object.id)
            self._unread.pop(data.object.id, None)
        if snapshot is None:
            return said
        return replace(said, data=data.model_copy(update={"snapshot": snapshot}))

    def keep(self, known: Iterable[str]) -> None:
        """Forget all objects but these, from time to time."""
        there = set(known)
        self._choice.keep(there.__contains__)
        self._unread = {one: key for one, key in self._unread.items() if one in there}
        self._read &= there
        # Nobody says once more who it was whose last picture is still to be stored.
        named = {one for one in self._names if one in there or one in self._in_hand or self._choice.waits(one)}
        self._names = {one: self._names[one] for one in named}

    async def run(self) -> None:
        """Until cancelled; raises what ends the partition."""
        while True:
            try:
                await self._write_names()
                await self._take()
                await self._until_due()
                continue
            except BusUnavailable as error:
                logger.warning("snapshots wait: %s", error)
            except VedetteError:
                raise
            except Exception:  # a defect here must not end the detections
                logger.exception("snapshots: internal error")
                SNAPSHOTS.labels("defect").inc()
            await asyncio.sleep(_LOOK_AGAIN_S)  # whatever is due: not again at once

    async def _write_names(self) -> None:
        """Let the store know all that `named` has heard of who the objects are."""
        async with self._writing:
            while self._unwritten:
                object_id, (key, person) = next(iter(self._unwritten.items()))
                await self._maker.store.name(key.site, key.camera, object_id, person)
                if self._unwritten.get(object_id) == (key, person):
                    del self._unwritten[object_id]

    async def _take(self) -> None:
        while True:
            await self._look_up()
            portraits = self._choice.take(monotonic())
            self._in_hand = {one.object for one in portraits}
            if not portraits:
                return
            portraits = [one for one in portraits if not await self._is_unwanted(one)]
            if not portraits:
                continue
            async with self._writing:  # a name that is heard meanwhile is written when the record is there
                made = await self._maker.make(portraits, self._choice, self._names)
            for one in made:
                where = SceneKey(one.portrait.site, one.portrait.camera, one.portrait.pipeline)
                await self._announce(where, one.portrait.object, one.snapshot)

    async def _is_unwanted(self, portrait: Portrait) -> bool:
        """Whether it shows somebody whose pictures were deleted: an object keeps its name when its person is removed.
        So too while that can't be found out."""
        best = self._choice.best(portrait.object)
        if best is None or self._names.get(portrait.object, portrait.person) is None:
            return False
        try:
            outcome = None if await self._maker.store.has(best.sha256) else "unwanted"
        except BusUnavailable:
            outcome = "unavailable"
        if outcome is not None:
            SNAPSHOTS.labels(outcome).inc()
        return outcome is not None

    async def _look_up(self) -> None:
        """What a predecessor has stored: events name it, and only what is better is another."""
        while self._unread:
            object_id, key = next(iter(self._unread.items()))
            stored = await self._maker.store.of_object(key.site, key.camera, object_id)
            crops = [record for record in stored if record.kind == "crop"]
            for record in sorted(crops, key=lambda record: record.score)[-1:]:
                self._choice.store(object_id, _snapshot(record, stored), record.score, sharpness=0.5)
            self._read.add(object_id)
            self._unread.pop(object_id, None)

    def _note_name(self, key: SceneKey, object_id: str, person: str) -> None:
        self._names[object_id] = person
        self._unwritten[object_id] = key, person
        if len(self._unwritten) > _MOST_NAMES:
            self._unwritten.popitem(last=False)
            SNAPSHOTS.labels("unnamed").inc()
        self._woken.set()

    async def _until_due(self) -> None:
        due_s = self._choice.due_s()
        wait_s = None if due_s is None else min(_LOOK_AGAIN_S, max(0.0, due_s - monotonic()))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        self._woken.clear()


def _snapshot(crop: SnapshotRecord, stored: Iterable[SnapshotRecord]) -> Snapshot:
    """With the whole picture that it was cut out of."""
    wholes = (one.sha256 for one in stored if one.kind == "full" and one.captured_at == crop.captured_at)
    return Snapshot(sha256=crop.sha256, width=crop.width, height=crop.height, full=next(wholes, None))
