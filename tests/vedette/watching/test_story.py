"""Events as lines that a person reads."""

import datetime as dt

import pytest

from tests.vedette.samples import NOON
from vedette.event_parser import UnknownData, parse_event
from vedette.messages import FrameRef, Model
from vedette.object_messages import (
    EventData,
    IdentityMatch,
    InputChange,
    LineCross,
    ObjectEnd,
    ObjectNew,
    ObjectState,
    ObjectUpdate,
    Snapshot,
    ZoneEnter,
    ZoneLeave,
    scene_event,
)
from vedette.watching.story import told

FRAME = FrameRef(epoch=7, seq=3, captured_at=NOON, arrived_at=NOON, clock="rtcp", width=1920, height=1080)
PERSON = ObjectState(
    id="01JDABCDEFGHJKMNPQRSTV8WT4",
    label="person",
    confidence=0.83,
    bbox=(0.1, 0.1, 0.1, 0.3),
    velocity=(0.0, 0.0),
    first_seen=NOON,
    last_seen=NOON,
    state="stationary",
)
OF_OBJECT = {
    "site": "plant-1",
    "camera": "gate",
    "pipeline": "people",
    "frame": FRAME,
    "revision": 2,
    "object": PERSON,
    "model": Model(name="coco-detector", version="1.0.0", digest="sha256:00"),
}


def made(kind: type[EventData], **more: object) -> EventData:
    return kind.model_validate(OF_OBJECT | more)


STORY = [
    ("object.new", made(ObjectNew), "person #8WT4 appeared (0.83)"),
    ("object.update", made(ObjectUpdate, changed=("zones", "state")), "person #8WT4 stands still"),
    ("object.update", made(ObjectUpdate, changed=("confidence",)), None),
    ("zone.enter", made(ZoneEnter, zone="yard", since=NOON, occupancy=2), "person #8WT4 entered yard (2 there)"),
    (
        "zone.leave",
        made(ZoneLeave, zone="yard", since=NOON, dwell_s=7.6, occupancy=1),
        "person #8WT4 left yard after 8 s (1 there)",
    ),
    ("line.cross", made(LineCross, line="door", direction="in", at=NOON), "person #8WT4 crossed door: in"),
    (
        "object.update",
        made(
            ObjectUpdate, changed=("confidence", "snapshot"), snapshot=Snapshot(sha256="3f" * 32, width=412, height=820)
        ),
        "person #8WT4 has a picture, 3f3f3f3f3f3f (412x820)",
    ),
    (
        "identity.match",
        made(IdentityMatch, identity="ada", similarity=0.614, liveness=0.97),
        "person #8WT4 is ada (0.61, liveness 0.97)",
    ),
    ("identity.match", made(IdentityMatch, identity="ada", similarity=0.614), "person #8WT4 is ada (0.61)"),
    (
        "object.end",
        made(ObjectEnd, reason="left", duration_s=12.0, sightings=20, distance=0.4, path=()),
        "person #8WT4 left the picture, after 12 s",
    ),
    (
        "input.change",
        InputChange(
            site="plant-1", camera="gate", pipeline="people", frame=FRAME, conditions=("covered",), previous=()
        ),
        "the picture is covered",
    ),
]


@pytest.mark.parametrize(("kind", "data", "line"), STORY, ids=lambda value: value if isinstance(value, str) else "")
def test_an_event_from_the_bus_is_typed_and_becomes_a_line(kind: str, data: EventData, line: str | None) -> None:
    payload = scene_event(kind, "01JD/2", NOON, data).model_dump_json(exclude_none=True).encode()
    event = parse_event(payload)
    assert event.data == data
    assert told(event) == (line and f"12:00:00.482 gate {line}")


def test_a_kind_of_a_later_version_is_not_told() -> None:
    event = scene_event("object.new", "01JD/2", NOON.astimezone(dt.UTC), STORY[0][1])
    later = parse_event(event.model_dump_json().replace("object.new.v1", "object.dance.v1").encode())
    assert isinstance(later.data, UnknownData)
    assert told(later) is None
