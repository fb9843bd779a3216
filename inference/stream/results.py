"""From an inference to the message about it: the pipeline's filters, the timing, the event on the bus."""

import datetime as dt
from time import monotonic

from inference.cascade.attributes import Seen
from inference.cascade.cascade import Looked
from inference.guard.inspection import Inspection
from inference.guard.verdict import Verdict
from inference.picture_model import Inference
from inference.repository.folder import Model
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import Pipeline
from vedette.frames import FrameHeaders
from vedette.messages import CLOUDEVENT_CONTENT_TYPE, Detection, Detections, Timing, detections_event
from vedette.messages import Model as ModelRef
from vedette.process.metrics import STAGE_TIME
from vedette.subjects import Feed
from vedette.view import WHOLE, View


class Results:
    """Writes and publishes a pipeline's detections messages."""

    def __init__(self, bus: Bus, pipeline: Pipeline) -> None:
        self._bus = bus
        self._guard = pipeline.guard
        stage = pipeline.detector
        self._labels = frozenset(stage.labels) if stage.labels is not None else None
        self._confidence = stage.confidence or 0.0

    def inspection(self, feed: Feed, frame: FrameHeaders) -> Inspection | None:
        """What the pipeline's guard asks of a frame; None: it has none."""
        if self._guard is None:
            return None
        return Inspection.of_frame(self._guard, f"{feed.camera}/{frame.epoch}-{frame.seq}", self._confidence)

    def wanted(self, inference: Inference, view: View = WHOLE) -> tuple[Detection, ...]:
        """The detections that the pipeline asks for; `view` is what the picture shows of the one that boxes are of."""
        return tuple(seen.detection for seen in self.seen(inference, view))

    def seen(self, inference: Inference, view: View = WHOLE) -> tuple[Seen, ...]:
        """The same, and where each is in the picture that was inferred."""
        return tuple(
            Seen(found, Detection(label=found.label, confidence=found.confidence, bbox=bbox))
            for found in inference.detections
            if found.confidence >= self._confidence and (self._labels is None or found.label in self._labels)
            if (bbox := found.bbox if view == WHOLE else view.in_main(found.bbox)) is not None
        )

    async def publish(
        self,
        feed: Feed,
        model: Model,
        frame: FrameHeaders,
        arrived_at: dt.datetime,
        detections: tuple[Detection, ...] = (),
        timing: Timing | None = None,
        picture: int | None = None,
        error: str | None = None,
        verdict: Verdict | None = None,
        looked: Looked | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Publish one frame's message; when this returns it is stored. Published twice, it is stored once. `looked` is
        what further stages made of the detections.

        Raises BusUnavailable: it may or may not be stored, and must be published again.
        """
        event = detections_event(
            Detections(
                site=feed.site,
                camera=feed.camera,
                pipeline=feed.pipeline,
                frame=frame.reference(arrived_at, picture),
                model=ModelRef(name=model.card.name, version=model.version, digest=model.digest),
                detections=detections if looked is None else looked.detections,
                incomplete=() if looked is None else looked.incomplete,
                stages=() if looked is None else looked.models,
                timing=timing,
                input=None if verdict is None else verdict.message(),
                error=error,
            ),
            traceparent,
        )
        payload = event.model_dump_json(exclude_none=True).encode()
        began_s = monotonic()
        await self._bus.publish_confirmed(
            feed.detections, payload, {"Content-Type": CLOUDEVENT_CONTENT_TYPE}, message_id=event.id
        )
        STAGE_TIME.labels("store", feed.pipeline).observe(monotonic() - began_s)


def timing(inference: Inference, frame: FrameHeaders, total_ms: float | None, looked: Looked | None = None) -> Timing:
    """Where the milliseconds of a frame went; `total_ms` is its age at the end of inference."""
    return Timing(
        decode_ms=frame.decode_ms,
        encode_ms=frame.encode_ms,
        prepare_ms=_ms(inference.prepare_s),
        queue_ms=_ms(inference.queue_s),
        infer_ms=_ms(inference.infer_s),
        total_ms=None if total_ms is None else round(total_ms, 2),
        cascade_ms=None if looked is None else _ms(looked.waited_s),
        batch_size=inference.batch_size,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
