"""Each message and record of today's version with all its fields, as it lies on the bus.

`python -m tests.compatibility.today` writes them, and what today's schemas demand, into `versions/<version>.json`:
once, when a version is released. The file of a released version is never changed again.
"""

import datetime as dt
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inference.cascade.question import Question
from inference.rollout.record import Record
from vedette.cameras import record as camera_record
from vedette.cameras.record import CameraRecord
from vedette.config.camera_settings import Camera
from vedette.fleet.members import Member
from vedette.frames import FrameHeaders
from vedette.messages import (
    CloudEvent,
    Detection,
    Detections,
    FrameRef,
    Hint,
    Input,
    Model,
    Served,
    Status,
    SubstreamStatus,
    Timing,
    detections_event,
    status_event,
)
from vedette.object_messages import (
    EventData,
    IdentityMatch,
    InputChange,
    LineCross,
    ObjectEnd,
    ObjectNew,
    ObjectState,
    ObjectUpdate,
    PathPoint,
    Snapshot,
    ZoneEnter,
    ZoneLeave,
    scene_event,
)
from vedette.schema_files import schemas
from vedette.secrets.sealing import Sealer
from vedette.snapshots.record import SnapshotRecord
from vedette.view import View

FOLDER = Path(__file__).parent / "versions"
KEY = bytes(32)
"""What the samples are sealed with; no secret."""
CAMERA_KEY = "plant-1.gate"
NOON = dt.datetime(2026, 11, 22, 12, 0, 0, 482_000, dt.UTC)
_LATER = NOON + dt.timedelta(seconds=7)
_MODEL = Model(name="coco-detector", version="1.0.0", digest="sha256:" + "0f" * 32)
_BOX = (0.448, 0.342, 0.052, 0.135)
_WHERE: dict[str, Any] = {"site": "plant-1", "camera": "gate", "pipeline": "people"}
_FRAME = FrameRef(
    epoch=4711,
    seq=1844,
    pts=7318.44,
    captured_at=NOON,
    arrived_at=NOON,
    clock="rtcp",
    width=1920,
    height=1080,
    gate="onset",
    picture=90210,
    final=True,
)
_PERSON = ObjectState(
    id="01JDABCDEFGHJKMNPQRSTV8WT4",
    label="person",
    confidence=0.83,
    bbox=_BOX,
    velocity=(0.01, 0.0),
    first_seen=NOON,
    last_seen=_LATER,
    state="moving",
    zones=("yard",),
    attributes={"live": 0.9, "name": "ada", "masked": False},
)
_OBJECT = _WHERE | {
    "frame": _FRAME,
    "revision": 3,
    "object": _PERSON,
    "model": _MODEL,
    "snapshot": Snapshot(sha256="3f" * 32, width=412, height=820, full="4a" * 32),
}
_EVENTS: dict[str, EventData] = {
    "object.new": ObjectNew(**_OBJECT),
    "object.update": ObjectUpdate(**_OBJECT, changed=("zones", "state")),
    "object.end": ObjectEnd(
        **_OBJECT,
        reason="left",
        duration_s=7.0,
        sightings=14,
        distance=0.4,
        path=(PathPoint(at_s=0.0, point=(0.5, 0.5)), PathPoint(at_s=7.0, point=(0.9, 0.5))),
    ),
    "zone.enter": ZoneEnter(**_OBJECT, zone="yard", since=NOON, occupancy=2),
    "zone.leave": ZoneLeave(**_OBJECT, zone="yard", since=NOON, dwell_s=7.0, occupancy=1),
    "line.cross": LineCross(**_OBJECT, line="door", direction="in", at=NOON),
    "identity.match": IdentityMatch(**_OBJECT, identity="ada", similarity=0.61, liveness=0.97),
    "input.change": InputChange(
        **_WHERE, frame=_FRAME, conditions=("covered",), previous=("frozen",), luminance=3.5, sharpness=1.5
    ),
}


def events() -> dict[str, Any]:
    """CloudEvents as JSON, by the name of their schema."""
    told: dict[str, CloudEvent[Any]] = {
        "detections.v1": detections_event(_detections()),
        "status.v1": status_event(_status(), NOON),
        **{f"{kind}.v1": scene_event(kind, "01JD/3", NOON, data) for kind, data in _EVENTS.items()},
    }
    return {name: json.loads(event.model_dump_json(exclude_none=True)) for name, event in told.items()}


def notes() -> dict[str, Any]:
    """What is no CloudEvent, by the name of its schema."""
    served = Served(epoch=4711, seq=1844, outcome="inferred", age_ms=31.9, queue_ms=4.8, waited_ms=2.5)
    return {
        "served.v1": json.loads(served.model_dump_json()),
        "hint.v1": json.loads(Hint(until=NOON).model_dump_json()),
    }


def headers() -> dict[str, dict[str, str]]:
    """Of a frame, and of a crop."""
    frame = FrameHeaders(
        epoch=4711,
        seq=1844,
        pts=7318.44,
        captured_at=NOON,
        clock="rtcp",
        age_ms=8.5,
        budget_ms=1000.0,
        width=1920,
        height=1080,
        gate="onset",
        decode_ms=3.25,
        encode_ms=1.25,
        final=True,
        view=View(0.25, 0.25, 0.5, 0.5),
    )
    return {"frame": frame.encode(), "crop": question().encode()}


def question() -> Question:
    """A crop's subject and headers."""
    return Question("face-embedding", "plant-1", "gate", "access", "_INBOX.gateway.1", 250.0, "complete")


def camera() -> CameraRecord:
    """A desired camera with much of what may be said of one."""
    settings = {
        "url": "rtsp://operator:s3cret@10.0.0.5:554/stream1",
        "pipeline": ["people"],
        "sampling": {"fps": 2},
        "gate": {"mode": "activity"},
        "privacy": [[[0.8, 0.0], [1.0, 0.0], [1.0, 0.2]]],
        "zones": {"yard": {"polygon": [[0.1, 0.2], [0.9, 0.2], [0.9, 0.9]]}},
        "lines": {"door": {"from": [0.2, 0.5], "to": [0.8, 0.5]}},
    }
    return CameraRecord("gate", Camera.model_validate(settings), "api")


def records() -> dict[str, Any]:
    """What lies in buckets, and in the store of snapshots."""
    member = Member("gateway-1f3a9c", "gateway", "plant-1", "10.0.0.9:8080", 4711, ready=True, detail={"cameras": 3})
    rollout = Record(stable="1.0.0", candidate="1.1.0", share=0.1, shadow="0.9.0", sample=0.2, previous="0.8.0")
    snapshot = SnapshotRecord(
        **_WHERE,
        sha256="3f" * 32,
        kind="crop",
        object=_PERSON.id,
        label="person",
        person="Ada",
        captured_at=NOON,
        width=412,
        height=820,
        size_bytes=45_000,
        score=0.7,
    )
    return {
        "camera": json.loads(camera_record.encode(camera(), CAMERA_KEY, Sealer(KEY))),
        "member": {name: getattr(member, name) for name in Member.__dataclass_fields__},
        "rollout": json.loads(rollout.encode()),
        "snapshot": json.loads(snapshot.model_dump_json()),
    }


def demands() -> dict[str, Any]:
    """Today's schemas without their prose."""
    return {name.removesuffix(".json"): _bare(schema) for name, schema in schemas().items()}


def _bare(value: Any, names: bool = False) -> Any:
    """`names`: the keys of `value` are names of fields, not words of JSON Schema."""
    if isinstance(value, dict):
        prose = () if names else ("description", "title")
        return {
            key: _bare(item, key in ("properties", "$defs") and not names)
            for key, item in value.items()
            if key not in prose
        }
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _detections() -> Detections:
    return Detections(
        **_WHERE,
        frame=_FRAME,
        model=_MODEL,
        detections=(Detection(label="person", confidence=0.79, bbox=_BOX, attributes={"live": 0.9, "name": "ada"}),),
        incomplete=("face-liveness",),
        stages=(_MODEL,),
        timing=Timing(
            decode_ms=3.1,
            encode_ms=1.2,
            prepare_ms=0.5,
            queue_ms=4.8,
            infer_ms=21.0,
            total_ms=31.9,
            cascade_ms=12.5,
            batch_size=4,
        ),
        input=Input(
            verdict="suspect",
            reasons=("dark",),
            luminance=20.5,
            sharpness=3.5,
            hash="00" * 8,
            disagreement=0.25,
        ),
        error="the model failed",
    )


def _status() -> Status:
    substream = SubstreamStatus(
        codec="h264",
        width=640,
        height=360,
        view=(0.0, 0.0, 1.0, 1.0),
        view_known="measured",
        reason="nothing moved",
        pipelines=("people",),
    )
    return Status(
        site="plant-1",
        camera="gate",
        state="live",
        reason="last: no answer in time",
        since=NOON,
        gateway="gateway-1f3a9c",
        epoch=4711,
        codec="h264",
        width=1920,
        height=1080,
        source_fps=25.0,
        sampled_fps=2.0,
        decode="lazy",
        gate="idle",
        gate_reason="keyframes are 8 s apart",
        clock="rtcp",
        clock_off_s=0.5,
        substream=substream,
        reconnects=3,
        refused="pipeline: there is no other",
    )


def main() -> None:
    """Write them."""
    what = {"events": events(), "notes": notes(), "headers": headers(), "records": records(), "schemas": demands()}
    file = FOLDER / f"{version('vedette')}.json"
    lines = [f'"{part}": {{\n' + ",\n".join(_lines(of)) + "\n}" for part, of in what.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _lines(of: dict[str, Any]) -> list[str]:
    return [f'"{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in of.items()]


if __name__ == "__main__":
    main()
