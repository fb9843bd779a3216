"""Events as the events worker publishes them, for sinks."""

import datetime as dt

from vedette.bus.connection import Bus
from vedette.messages import FrameRef, Model
from vedette.object_messages import (
    INPUT_CHANGE,
    ZONE_ENTER,
    InputChange,
    ObjectState,
    SceneCloudEvent,
    ZoneEnter,
    scene_event,
)
from vedette.subjects import event as event_subject

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
_HEADERS = {"Content-Type": "application/cloudevents+json"}


def frame(seq: int = 1, clock: str = "rtcp") -> FrameRef:
    return FrameRef(epoch=7, seq=seq, captured_at=NOON, arrived_at=NOON, clock=clock, width=1280, height=720)


def entered(number: int, camera: str = "gate", label: str = "person", clock: str = "rtcp") -> SceneCloudEvent:
    """Somebody entered the yard."""
    known = ObjectState(
        id=f"01JD{camera.upper()}",
        label=label,
        confidence=0.8,
        bbox=(0.1, 0.2, 0.05, 0.1),
        velocity=(0.0, 0.0),
        first_seen=NOON,
        last_seen=NOON,
        state="moving",
    )
    data = ZoneEnter(
        site="plant-1",
        camera=camera,
        pipeline="people",
        frame=frame(number, clock),
        revision=number,
        object=known,
        model=Model(name="coco-detector", version="1.0.0", digest="sha256:00"),
        zone="yard",
        since=NOON,
        occupancy=1,
    )
    return scene_event(ZONE_ENTER, f"{known.id}/{number}", NOON, data)


def covered(camera: str = "gate") -> SceneCloudEvent:
    """The camera sees nothing any more."""
    data = InputChange(
        site="plant-1", camera=camera, pipeline="people", frame=frame(), conditions=("covered",), previous=()
    )
    return scene_event(INPUT_CHANGE, f"plant-1/{camera}/people/7-1/{INPUT_CHANGE}", NOON, data)


async def publish(bus: Bus, *events: SceneCloudEvent) -> list[str]:
    """Into the stream, in order; returns their ids."""
    for event in events:
        data = event.data
        kind = event.type.removeprefix("dev.vedette.").removesuffix(".v1")
        payload = event.model_dump_json(exclude_none=True).encode()
        await bus.publish_confirmed(event_subject(data.site, data.camera, kind), payload, _HEADERS, event.id)
    return [event.id for event in events]
