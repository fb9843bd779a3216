"""Cameras whose pictures are kept, as the inference worker keeps them."""

import cv2
import numpy as np

from tests.events.service.scenes import Walk, publish
from vedette.bus.connection import Bus
from vedette.config.snapshots_settings import Snapshots
from vedette.frames import FrameHeaders
from vedette.messages import Detection, DetectionsEvent
from vedette.object_messages import OBJECT_UPDATE
from vedette.subjects import Feed

EAGER = Snapshots(every_s=0.1)
"""Another picture as soon as it is better."""


def picture(walk: Walk, seq: int) -> bytes:
    """A JPEG of 640x360 with each person as a textured rectangle; each frame's is another."""
    noise = np.random.default_rng(seq)
    shown = np.full((360, 640, 3), 90, np.uint8)
    for person in walk.event(seq).data.detections:
        x, y, width, height = (round(value * side) for value, side in zip(person.bbox, (640, 360) * 2, strict=True))
        shown[y : y + height, x : x + width] = noise.integers(0, 255, (height, width, 1), np.uint8)
    return bytes(cv2.imencode(".jpg", shown)[1].tobytes())


def headers(event: DetectionsEvent) -> FrameHeaders:
    frame = event.data.frame
    return FrameHeaders(
        epoch=frame.epoch,
        seq=frame.seq,
        pts=frame.pts,
        captured_at=frame.captured_at,
        clock=frame.clock,
        age_ms=0.0,
        budget_ms=1000.0,
        width=frame.width,
        height=frame.height,
    )


async def film(
    bus: Bus,
    walk: Walk,
    seq: int,
    names: dict[str, str | float | bool] | None = None,
    confidence: float | None = None,
) -> DetectionsEvent:
    """Keep the frame's picture and publish its detections, of people with the attributes `names`."""
    event = walk.event(seq)
    if confidence is not None:
        surer = tuple(one.model_copy(update={"confidence": confidence}) for one in event.data.detections)
        event = event.model_copy(update={"data": event.data.model_copy(update={"detections": surer})})
    feed = Feed(event.data.pipeline, event.data.site, event.data.camera)
    kept = await bus.publish_confirmed(feed.picture, picture(walk, seq), headers(event).encode())
    return await tell(bus, event, kept.seq, names)


async def tell(
    bus: Bus, event: DetectionsEvent, kept: int | None, names: dict[str, str | float | bool] | None = None
) -> DetectionsEvent:
    """Publish detections whose picture is kept at `kept`."""
    people: tuple[Detection, ...] = event.data.detections
    if names:
        people = tuple(one.model_copy(update={"attributes": names}) for one in people)
    frame = event.data.frame.model_copy(update={"picture": kept})
    told = event.model_copy(update={"data": event.data.model_copy(update={"frame": frame, "detections": people})})
    await publish(bus, told)
    return told


def is_of_snapshot(kind: str, changed: object) -> bool:
    """Whether it is the event that says that there is a snapshot."""
    return kind == OBJECT_UPDATE and changed == ["snapshot"]
