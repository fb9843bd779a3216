"""A scene's event as it goes onto the bus."""

from dataclasses import dataclass

from events import metrics
from events.scene import SceneEvent
from events.scenes.camera_scene import RECORDING_CLOCK
from vedette.object_messages import EventData, InputChange, LineCross, ZoneEnter, ZoneLeave, scene_event
from vedette.subjects import event as event_subject
from vedette.subjects import events_filter


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A CloudEvent with its address."""

    id: str
    subject: str
    source: str
    """All subjects of its camera's events."""
    payload: bytes
    camera_label: str
    """Of the metrics."""
    kind: str
    label: str | None
    """Of its object, and"""
    place: str | None
    """the zone or line that it is about, where there are such."""
    traceparent: str | None = None
    revision: int = 0
    """Of its object's events."""


def outgoing(said: SceneEvent, traceparent: str | None = None) -> Outgoing:
    """What is published of `said`, which is part of the trace `traceparent`, if there is one."""
    data = said.data
    event = scene_event(said.kind, said.id, said.time, data, traceparent)
    payload = event.model_dump_json(exclude_none=True).encode()
    camera = metrics.RECORDING if data.frame.clock == RECORDING_CLOCK else data.camera
    return Outgoing(
        said.id,
        event_subject(data.site, data.camera, said.kind),
        events_filter(data.site, data.camera),
        payload,
        camera,
        said.kind,
        None if isinstance(data, InputChange) else data.object.label,
        _place(data),
        traceparent,
        0 if isinstance(data, InputChange) else data.revision,
    )


def _place(data: EventData) -> str | None:
    match data:
        case ZoneEnter() | ZoneLeave():
            return data.zone
        case LineCross():
            return data.line
    return None
