"""Messages as the services publish them, for tests."""

import datetime as dt

from hypothesis import strategies as some

from vedette.messages import (
    Detection,
    Detections,
    DetectionsEvent,
    FrameRef,
    Model,
    Status,
    StatusEvent,
    Timing,
    detections_event,
    status_event,
)
from vedette.subjects import Feed

_FIRST, _LAST = dt.datetime(1980, 1, 1), dt.datetime(2100, 1, 1)  # noqa: DTZ001 -- hypothesis wants them naive
moments = some.datetimes(_FIRST, _LAST, timezones=some.just(dt.UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
"""Any time of the contract: UTC, in milliseconds."""
NOON = dt.datetime(2026, 11, 22, 12, 0, 0, 482_000, dt.UTC)
FEED = Feed("people", "plant-1", "gate")


def detections(seq: int = 0, epoch: int = 7, camera: str = "gate") -> DetectionsEvent:
    """The event of one frame with one person."""
    frame = FrameRef(
        epoch=epoch, seq=seq, pts=1.5, captured_at=NOON, arrived_at=NOON, clock="rtcp", width=1920, height=1080
    )
    person = Detection(label="person", confidence=0.79, bbox=(0.448, 0.342, 0.052, 0.135), attributes={"tall": True})
    data = Detections(
        site="plant-1",
        camera=camera,
        pipeline="people",
        frame=frame,
        model=Model(name="coco-detector", version="1.0.0", digest="sha256:00"),
        detections=(person,),
        timing=Timing(queue_ms=4.8, infer_ms=21.0, batch_size=4),
    )
    return detections_event(data)


def status(state: str = "live") -> StatusEvent:
    """The event of a camera's state."""
    return status_event(Status(site="plant-1", camera="gate", state=state, since=NOON, gateway="gateway-1"), NOON)


def encoded(event: DetectionsEvent | StatusEvent) -> bytes:
    """As it is on the bus."""
    return event.model_dump_json().encode()
