"""From a track to the events of an object's life."""

from collections.abc import Iterator

from events.objects.announcer import Announcer, SceneEvent
from events.objects.object_id import object_id
from events.objects.path import Path
from events.objects.stillness import Stillness
from events.objects.tracked_object import Crossed, TrackedObject, anchor_of
from events.settings import LifeSettings
from events.tracking.motion import Motion
from events.tracking.track import Track
from events.zones.places import Entered, PlaceChange
from vedette.messages import Detection
from vedette.object_messages import (
    IDENTITY_MATCH,
    LINE_CROSS,
    OBJECT_END,
    OBJECT_NEW,
    OBJECT_UPDATE,
    ZONE_ENTER,
    ZONE_LEAVE,
    IdentityMatch,
    LineCross,
    ObjectEnd,
    ObjectNew,
    ObjectUpdate,
    PathPoint,
    ZoneEnter,
    ZoneLeave,
)

NAME, SIMILARITY, LIVENESS = "name", "similarity", "liveness"
"""Attributes of a detection that the stage `identities` of a cascade gives."""
NAME_HOLDS_S = 10.0
"""Who is seen for so long without being recognised may be somebody else by now: faces turn away for seconds, and a
track may go over to another person."""
_EDGE = 0.02
"""A box so near to the picture's edge was leaving it."""


def begun(
    track: Track, event_id: str, index: int, detection: Detection, now_s: float, captured_s: float, aspect: float
) -> TrackedObject:
    """The object of a track that begins with detection `index` of the message `event_id`."""
    box = track.motion.box
    return TrackedObject(
        track=track.id,
        id=object_id(captured_s, f"{event_id}/{index}"),
        first_s=now_s,
        last_s=now_s,
        bbox=detection.bbox,
        stillness=Stillness(box, now_s),
        path=Path.begun(anchor_of(box, aspect, "bottom")),
    )


class LifeCycle:
    """Says what there is to say of objects after a frame."""

    def __init__(self, settings: LifeSettings) -> None:
        self._settings = settings

    def confirm(self, seen: TrackedObject, motion: Motion, announcer: Announcer) -> Iterator[SceneEvent]:
        """`object.new`, once it is credible."""
        if seen.is_confirmed or not seen.is_credible(self._settings):
            return
        yield announcer.event(OBJECT_NEW, ObjectNew, seen, motion)
        self._remember(seen, announcer)
        for crossed in seen.crossed:
            yield _crossed(crossed, seen, motion, announcer)
        seen.crossed = []

    def place(
        self, change: PlaceChange, seen: TrackedObject, motion: Motion, occupancy: int, announcer: Announcer
    ) -> SceneEvent:
        """The event of what it did in zones and lines; `occupancy` of the zone after that."""
        if isinstance(change, Crossed):
            return _crossed(change, seen, motion, announcer)
        since = announcer.moment(change.since_s)
        more = {"zone": change.zone, "since": since, "occupancy": occupancy}
        if isinstance(change, Entered):
            return announcer.event(ZONE_ENTER, ZoneEnter, seen, motion, **more)
        # Of one that has ended the time after its last sighting is no dwelling.
        dwell_s = round(max(0.0, seen.last_s - change.since_s), 3)
        return announcer.event(ZONE_LEAVE, ZoneLeave, seen, motion, dwell_s=dwell_s, **more)

    def identify(
        self, seen: TrackedObject, detection: Detection, motion: Motion, announcer: Announcer
    ) -> Iterator[SceneEvent]:
        """`identity.match` when a person is recognised, and when the votes turn to another one.

        A name that is not confirmed by another sighting in `NAME_HOLDS_S` is forgotten, and may match anew.
        """
        name, similarity = detection.attributes.get(NAME), detection.attributes.get(SIMILARITY)
        if isinstance(name, str) and name and isinstance(similarity, int | float):
            seen.vote_name(name, float(similarity), announcer.now_s)
        elif seen.names and announcer.now_s - seen.named_s > NAME_HOLDS_S:
            seen.forget_name((NAME, SIMILARITY))
        if not seen.names or not seen.is_confirmed:
            return
        best = max(seen.names, key=lambda one: seen.names[one])
        if best == seen.name or best != name or not isinstance(similarity, int | float):
            return
        seen.name = best
        liveness = detection.attributes.get(LIVENESS)
        more = {"liveness": float(liveness) if isinstance(liveness, int | float) else None}
        yield announcer.event(
            IDENTITY_MATCH, IdentityMatch, seen, motion, identity=best, similarity=float(similarity), **more
        )

    def update(self, seen: TrackedObject, motion: Motion, announcer: Announcer) -> Iterator[SceneEvent]:
        """`object.update`, where something changed and the last one is long enough ago."""
        if not seen.is_confirmed or announcer.now_s - seen.said_s < self._settings.update_interval_s - 1e-6:
            return
        changed = seen.changes(self._settings.confidence_step)
        if changed:
            yield announcer.event(OBJECT_UPDATE, ObjectUpdate, seen, motion, changed=changed)
            self._remember(seen, announcer)

    def end(self, seen: TrackedObject, motion: Motion, reason: str, announcer: Announcer) -> SceneEvent:
        """`object.end`; its zones are left before."""
        aspect = announcer.frame.width / announcer.frame.height
        duration_s = seen.last_s - seen.first_s
        x, y = seen.bbox[0] + seen.bbox[2] / 2, seen.bbox[1] + seen.bbox[3]
        path = tuple(
            PathPoint(at_s=round(at_s, 3), point=(_fraction(point[0]), _fraction(point[1])))
            for at_s, point in seen.path.summary(duration_s, (x, y))
        )
        return announcer.event(
            OBJECT_END,
            ObjectEnd,
            seen,
            motion,
            reason="left" if reason == "lost" and _leaves(seen, motion, aspect) else reason,
            duration_s=round(duration_s, 3),
            sightings=seen.sightings,
            distance=round(seen.path.distance, 5),
            path=path,
        )

    @staticmethod
    def _remember(seen: TrackedObject, announcer: Announcer) -> None:
        seen.said, seen.said_s = seen.now_said(), announcer.now_s


def _crossed(crossed: Crossed, seen: TrackedObject, motion: Motion, announcer: Announcer) -> SceneEvent:
    return announcer.event(
        LINE_CROSS,
        LineCross,
        seen,
        motion,
        line=crossed.line,
        direction=crossed.direction,
        at=announcer.moment(crossed.at_s),
    )


def _leaves(seen: TrackedObject, motion: Motion, aspect: float) -> bool:
    """Whether it was going out of the picture: its last box touches an edge and it didn't move away from there, or it
    would be outside by now.
    """
    x, y, width, height = seen.bbox
    away = 0.05 * motion.size
    touches = (
        x <= _EDGE and motion.vx <= away,
        x + width >= 1 - _EDGE and motion.vx >= -away,
        y <= _EDGE and motion.vy <= away,
        y + height >= 1 - _EDGE and motion.vy >= -away,
    )
    return any(touches) or not (0 < motion.x < aspect and 0 < motion.y < 1)


def _fraction(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 5)
