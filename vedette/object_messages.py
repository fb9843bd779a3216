"""The events of `events/`: an object's life, zones, lines, identities, and a camera's picture. One frozen class each.

An object's events have the ids `<object id>/1`, `<object id>/2`, …; those without an object
`<detections id>/<noun.verb>`. Both are the same in a replay, so that doubles fall away. An `object.update` that only
says that there is a snapshot now has the id `<object id>/<sha256>`, and isn't counted there, but in `revision`.
"""

import datetime as dt

from pydantic import Field

from vedette.ids import Id
from vedette.messages import SCHEMA_ROOT, CloudEvent, Fraction, FrameRef, Message, Model, Moment

OBJECT_NEW, OBJECT_UPDATE, OBJECT_END = "object.new", "object.update", "object.end"
ZONE_ENTER, ZONE_LEAVE, LINE_CROSS = "zone.enter", "zone.leave", "line.cross"
IDENTITY_MATCH, INPUT_CHANGE = "identity.match", "input.change"


class ObjectState(Message):
    """What is known of an object after a frame."""

    id: str
    """A ULID: the milliseconds of its first capture, and 80 bits of blake2b over its first detection's id."""
    label: str
    """That most of the confidence was given to so far."""
    confidence: Fraction
    """The best so far."""
    bbox: tuple[Fraction, Fraction, Fraction, Fraction]
    """As it was last detected: x, y, width, height of the displayed picture, 0 to 1, 5 decimals."""
    velocity: tuple[float, float]
    """Of its centre, in widths and heights of the picture a second."""
    first_seen: Moment
    last_seen: Moment
    """Capture time of the last frame that shows it."""
    state: str
    """`moving` or `stationary`."""
    zones: tuple[str, ...] = ()
    attributes: dict[str, str | float | bool] = Field(default_factory=dict)
    """Of the cascade's models; the latest value of each."""


class Snapshot(Message):
    """A picture in the object store `vedette-snapshots`."""

    sha256: str
    """Of what was cut out around the object: its name in the store."""
    width: int
    height: int
    full: str | None = None
    """The sha256 of the whole picture, where it is kept too."""


class ObjectEvent(Message):
    """What all events of an object have in common."""

    site: Id
    camera: str
    pipeline: Id
    frame: FrameRef
    """The frame after which the event was known."""
    revision: int
    """Counts the object's events, of all kinds, from 1."""
    object: ObjectState
    model: Model
    """The model of that frame's detections."""
    snapshot: Snapshot | None = None
    """The best picture of it that was stored when this was published."""
    clip: str | None = None
    """Reserved."""


class ObjectNew(ObjectEvent):
    """An object is confirmed: it is no flicker of the detector."""


class ObjectUpdate(ObjectEvent):
    """Something about an object changed since the last `object.new` or `object.update`."""

    changed: tuple[str, ...]
    """Of `confidence`, `label`, `zones`, `state`, `attributes`, `snapshot`."""


class PathPoint(Message):
    """Where an object was."""

    at_s: float
    """Since it was first seen."""
    point: tuple[Fraction, Fraction]
    """Middle of its bottom edge."""


class ObjectEnd(ObjectEvent):
    """An object is gone; its last event."""

    reason: str
    """`lost` (not detected any more), `left` (last seen leaving the picture), `silence` (no frames any more) or `final`
    (the recording ended)."""
    duration_s: float
    """From its first sighting to its last."""
    sightings: int
    """Detections of it."""
    distance: float
    """Length of its path, in widths of the picture."""
    path: tuple[PathPoint, ...]
    """At most 32 points, the first and the last among them."""


class ZoneEnter(ObjectEvent):
    """An object is in a zone now."""

    zone: str
    since: Moment
    """When it came in: before `frame` where the zone waits until it says so, or the object was confirmed later."""
    occupancy: int
    """Objects in the zone, with this one."""


class ZoneLeave(ObjectEvent):
    """An object is not in a zone any more, or has ended in it."""

    zone: str
    since: Moment
    dwell_s: float
    occupancy: int
    """Objects that are left in the zone."""


class LineCross(ObjectEvent):
    """An object crossed a line."""

    line: str
    direction: str
    """`right` or `left` (looking from the line's start to its end, as the picture is seen), or what the configuration
    calls them."""
    at: Moment
    """Capture time of the first frame behind the line."""


class IdentityMatch(ObjectEvent):
    """An object is an enrolled person."""

    identity: str
    similarity: float
    liveness: float | None = None
    """0 to 1; None: it was not judged."""


class InputChange(Message):
    """A camera's picture has gone bad, or is good again."""

    site: Id
    camera: str
    pipeline: Id
    frame: FrameRef
    conditions: tuple[str, ...]
    """Of `frozen`, `covered`, `moved`, `overexposed`, `underexposed`; none: all is well again."""
    previous: tuple[str, ...]
    luminance: float | None = None
    """As measured in `frame`."""
    sharpness: float | None = None


EventData = ObjectNew | ObjectUpdate | ObjectEnd | ZoneEnter | ZoneLeave | LineCross | IdentityMatch | InputChange
ObjectNewEvent = CloudEvent[ObjectNew]
ObjectUpdateEvent = CloudEvent[ObjectUpdate]
ObjectEndEvent = CloudEvent[ObjectEnd]
ZoneEnterEvent = CloudEvent[ZoneEnter]
ZoneLeaveEvent = CloudEvent[ZoneLeave]
LineCrossEvent = CloudEvent[LineCross]
IdentityMatchEvent = CloudEvent[IdentityMatch]
InputChangeEvent = CloudEvent[InputChange]
SceneCloudEvent = (
    ObjectNewEvent
    | ObjectUpdateEvent
    | ObjectEndEvent
    | ZoneEnterEvent
    | ZoneLeaveEvent
    | LineCrossEvent
    | IdentityMatchEvent
    | InputChangeEvent
)
SCENE_EVENTS: dict[str, type[SceneCloudEvent]] = {
    OBJECT_NEW: ObjectNewEvent,
    OBJECT_UPDATE: ObjectUpdateEvent,
    OBJECT_END: ObjectEndEvent,
    ZONE_ENTER: ZoneEnterEvent,
    ZONE_LEAVE: ZoneLeaveEvent,
    LINE_CROSS: LineCrossEvent,
    IDENTITY_MATCH: IdentityMatchEvent,
    INPUT_CHANGE: InputChangeEvent,
}
"""The CloudEvent of each kind."""


def event_type(kind: str) -> str:
    """The CloudEvent type of a kind, as in `dev.vedette.object.new.v1`."""
    return f"dev.vedette.{kind}.v1"


def schema_name(kind: str) -> str:
    """The file of a kind's JSON Schema."""
    return f"{kind}.v1.json"


def scene_event(
    kind: str, event_id: str, at: dt.datetime, data: EventData, traceparent: str | None = None
) -> SceneCloudEvent:
    """The CloudEvent of `data`, captured at `at`; its subject is the object, or the camera where there is none."""
    return SCENE_EVENTS[kind].model_validate(
        {
            "id": event_id,
            "source": f"/vedette/{data.site}/{data.camera}",
            "type": event_type(kind),
            "subject": data.object.id if isinstance(data, ObjectEvent) else data.camera,
            "time": at,
            "dataschema": f"{SCHEMA_ROOT}{schema_name(kind)}",
            "traceparent": traceparent,
            "data": data,
        }
    )
