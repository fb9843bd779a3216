"""Detections of cameras before which people walk, and what is in the stream of events."""

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nats.js.api import AckPolicy, ConsumerConfig

from vedette.bus.connection import Bus
from vedette.messages import Detection, Detections, DetectionsEvent, FrameRef, Model, detections_event
from vedette.streams import EVENTS
from vedette.subjects import Feed

SITE, PIPELINE = "plant-1", "people"
MODEL = Model(name="coco-detector", version="1.0.0", digest="sha256:00")
BEGIN = dt.datetime(2026, 11, 22, 12, 0, 0, tzinfo=dt.UTC)
FPS = 5
WALK = 40
"""Frames that a person takes from the left edge to the right one."""


@dataclass(frozen=True)
class Walk:
    """A camera with two people at a time, who come and go."""

    camera: str
    frames: int = 200
    clock: str = "media"
    epoch: int = 7
    begin: dt.datetime = BEGIN

    def event(self, seq: int) -> DetectionsEvent:
        """Of one frame."""
        at = self.begin + dt.timedelta(seconds=seq / FPS)
        frame = FrameRef(
            epoch=self.epoch,
            seq=seq,
            pts=seq / FPS,
            captured_at=at,
            arrived_at=at,
            clock=self.clock,
            width=1280,
            height=720,
            final=self.clock == "media" and seq == self.frames - 1,
        )
        people = tuple(_person(seq + shift, y) for shift, y in ((0, 0.2), (WALK // 2, 0.6)))
        data = Detections(site=SITE, camera=self.camera, pipeline=PIPELINE, frame=frame, model=MODEL, detections=people)
        return detections_event(data)

    def events(self) -> Iterator[DetectionsEvent]:
        return (self.event(seq) for seq in range(self.frames))


def _person(step: int, y: float) -> Detection:
    """A new one every `WALK` frames."""
    x = round(0.02 + 0.85 * (step % WALK) / WALK, 5)
    return Detection(label="person", confidence=0.8, bbox=(x, y, 0.08, 0.2))


async def publish(bus: Bus, event: DetectionsEvent) -> int:
    """As an inference worker does; its position in the stream."""
    data = event.data
    subject = Feed(data.pipeline, data.site, data.camera).detections
    payload = event.model_dump_json(exclude_none=True).encode()
    return (await bus.publish_confirmed(subject, payload, {}, event.id)).seq


@dataclass(frozen=True)
class Stored:
    """An event as it lies in the stream."""

    id: str
    camera: str
    kind: str
    data: dict[str, Any]

    @property
    def essence(self) -> tuple[str, str, str]:
        return self.camera, self.id, self.kind


async def stored(bus: Bus) -> list[Stored]:
    """All that is in `EVENTS`, in its order, doubles too."""
    info = await bus.jetstream.add_consumer(EVENTS, ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=60))
    left, found, inbox = info.num_pending or 0, [], bus.client.new_inbox()
    queue: asyncio.Queue[Any] = asyncio.Queue()
    subscription = await bus.client.subscribe(inbox, cb=queue.put)
    await bus.client.publish(
        f"$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.{info.name}", json.dumps({"batch": left, "no_wait": True}).encode(), inbox
    )
    for _ in range(left):
        message = await asyncio.wait_for(queue.get(), 90)
        said = json.loads(message.data)
        assert message.headers["Nats-Msg-Id"] == said["id"]
        words = message.subject.split(".")
        found.append(Stored(said["id"], words[3], ".".join(words[4:]), said["data"]))
    await subscription.unsubscribe()
    await bus.jetstream.delete_consumer(EVENTS, str(info.name))
    return found


async def count(bus: Bus) -> int:
    """How many events are stored."""
    return int((await bus.jetstream.stream_info(EVENTS)).state.messages)


def undisturbed(walk: Walk) -> list[tuple[str, str, str]]:
    """What the events of a camera must be: the scene itself, fed with all of its frames in order."""
    from events.scene import Scene, SceneSettings

    scene = Scene(SITE, walk.camera, PIPELINE, SceneSettings())
    return [(walk.camera, said.id, said.kind) for event in walk.events() for said in scene.see(event.data, event.id)]
