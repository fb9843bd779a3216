"""Events of objects, as the events worker publishes them."""

import datetime as dt

from tests.gateway.console.run_console import CAMERA, SITE
from vedette.bus.connection import Bus
from vedette.messages import FrameRef, Model
from vedette.object_messages import OBJECT_NEW, ZONE_ENTER, ObjectNew, ObjectState, ZoneEnter, scene_event
from vedette.subjects import event as subject_of


async def publish_event(bus: Bus, number: int, camera: str = CAMERA, label: str = "person", x: float = 0.1) -> str:
    """An object appears (even numbers), or enters a zone; stored. Its id."""
    now = dt.datetime.now(dt.UTC)
    frame = FrameRef(epoch=7, seq=number, captured_at=now, arrived_at=now, clock="arrival", width=640, height=480)
    state = ObjectState(
        id=f"01J00000000000000000{number:06}",
        label=label,
        confidence=0.8,
        bbox=(x, 0.2, 0.1, 0.3),
        velocity=(0.0, 0.0),
        first_seen=now,
        last_seen=now,
        state="moving",
    )
    model = Model(name="coco-detector", version="1.0.0", digest="sha256:00")
    shared = {"site": SITE, "camera": camera, "pipeline": "people", "frame": frame, "revision": 1, "object": state}
    kind = OBJECT_NEW if number % 2 == 0 else ZONE_ENTER
    data = (
        ObjectNew.model_validate({**shared, "model": model})
        if kind == OBJECT_NEW
        else ZoneEnter.model_validate({**shared, "model": model, "zone": "door", "since": now, "occupancy": 1})
    )
    payload = scene_event(kind, f"{state.id}/1", now, data).model_dump_json().encode()
    await bus.publish_confirmed(subject_of(SITE, camera, kind), payload, {})
    return state.id
