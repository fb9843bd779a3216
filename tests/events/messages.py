"""Detections messages to feed a scene with."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from events.scene import Scene, SceneEvent, SceneSettings
from vedette.messages import Detection, Detections, FrameRef, Input, Model

START = dt.datetime(2026, 11, 22, 8, 0, tzinfo=dt.UTC)
MODEL = Model(name="coco-detector", version="1.0.0", digest="sha256:00")
Box = tuple[float, float, float, float]


def found(bbox: Box, label: str = "person", confidence: float = 0.8, **attributes: str | float | bool) -> Detection:
    return Detection(label=label, confidence=confidence, bbox=bbox, attributes=attributes)


def at(foot_x: float, foot_y: float, label: str = "person", confidence: float = 0.8) -> Detection:
    """A walker of 5 % by 15 % of the picture who stands at (x, y)."""
    return found((foot_x - 0.025, foot_y - 0.15, 0.05, 0.15), label, confidence)


def message(
    seq: int,
    second: float,
    detections: Iterable[Detection] = (),
    epoch: int = 1,
    measured: Input | None = None,
    error: str | None = None,
    **frame: Any,
) -> Detections:
    """The message of a frame, `second` after the start."""
    moment = START + dt.timedelta(seconds=second)
    reference = FrameRef(
        epoch=epoch, seq=seq, captured_at=moment, arrived_at=moment, clock="arrival", width=1280, height=720, **frame
    )
    return Detections(
        site="plant",
        camera="gate",
        pipeline="people",
        frame=reference,
        model=MODEL,
        detections=tuple(detections),
        input=measured,
        error=error,
    )


def event_id(detections: Detections) -> str:
    return f"plant/gate/people/{detections.frame.epoch}-{detections.frame.seq}"


def scene(settings: SceneSettings | None = None) -> Scene:
    return Scene("plant", "gate", "people", settings or SceneSettings())


def shown(watched: Scene, messages: Iterable[Detections]) -> list[SceneEvent]:
    """All events that follow from `messages`."""
    return [event for one in messages for event in watched.see(one, event_id(one))]


def film(frames: Sequence[Iterable[Detection]], fps: float = 2.0, **frame: Any) -> list[Detections]:
    """A message a frame, from the start on."""
    return [message(seq, seq / fps, detections, **frame) for seq, detections in enumerate(frames)]


def kinds(events: Iterable[SceneEvent]) -> list[str]:
    return [event.kind for event in events]
