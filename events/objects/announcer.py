"""Makes the events of objects: numbers their revisions, and fills in what all of them carry."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, TypeVar

from events.objects.published import Published
from events.objects.tracked_object import TrackedObject
from events.tracking.motion import Motion
from vedette.messages import FrameRef, Model
from vedette.object_messages import (
    OBJECT_UPDATE,
    EventData,
    IdentityMatch,
    LineCross,
    ObjectEnd,
    ObjectNew,
    ObjectState,
    ObjectUpdate,
    Snapshot,
    ZoneEnter,
    ZoneLeave,
)

E = TypeVar("E", ObjectNew, ObjectUpdate, ObjectEnd, ZoneEnter, ZoneLeave, LineCross, IdentityMatch)


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """What is to be published."""

    kind: str
    """`object.new`, `zone.enter`, …"""
    id: str
    data: EventData
    time: dt.datetime
    """Capture time of the frame after which it was known."""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Of one frame."""

    site: str
    camera: str
    pipeline: str
    frame: FrameRef
    model: Model
    now_s: float
    """The scene's clock at `frame`."""
    published: Published

    def event(self, kind: str, data: type[E], seen: TrackedObject, motion: Motion, **more: Any) -> SceneEvent:
        """The next event of `seen`."""
        seen.number += 1
        return self._event(kind, f"{seen.id}/{seen.number}", data, seen, motion, **more)

    def pictured(self, seen: TrackedObject, motion: Motion, snapshot: Snapshot) -> SceneEvent:
        """There is a snapshot of `seen`. Its id is of the picture, and the ids of the others don't count it: what is
        stored does not follow from the detections, and a replay must come to the same ids without it.
        """
        told: dict[str, Any] = {"snapshot": snapshot, "changed": ("snapshot",)}
        return self._event(OBJECT_UPDATE, f"{seen.id}/{snapshot.sha256}", ObjectUpdate, seen, motion, **told)

    def _event(
        self, kind: str, ident: str, data: type[E], seen: TrackedObject, motion: Motion, **more: Any
    ) -> SceneEvent:
        seen.revision = self.published.next_revision(ident, seen.revision)
        said = data(
            site=self.site,
            camera=self.camera,
            pipeline=self.pipeline,
            frame=self.frame,
            revision=seen.revision,
            object=self.state_of(seen, motion),
            model=self.model,
            **more,
        )
        return SceneEvent(kind, ident, said, self.frame.captured_at)

    def state_of(self, seen: TrackedObject, motion: Motion) -> ObjectState:
        """What is known of it."""
        aspect = self.frame.width / self.frame.height
        return ObjectState(
            id=seen.id,
            label=seen.label,
            confidence=seen.confidence,
            bbox=seen.bbox,
            velocity=(round(motion.vx / aspect, 5), round(motion.vy, 5)),
            first_seen=self.moment(seen.first_s),
            last_seen=self.moment(seen.last_s),
            state=seen.state,
            zones=seen.zones_inside,
            attributes=seen.attributes,
        )

    def moment(self, at_s: float) -> dt.datetime:
        """A time of the scene's clock as capture time."""
        milliseconds = round((self.now_s - at_s) * 1000)
        return self.frame.captured_at - dt.timedelta(milliseconds=milliseconds)
