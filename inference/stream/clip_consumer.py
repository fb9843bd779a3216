"""Frames of recordings: every frame gives exactly one message, however often workers die.

A picture that can't be decoded gives a message with an error. So does one on which the model fails at its third
delivery or a later one (`DELIVERIES_PER_CLIP`): an exception is an attempt that is known to have been made. A worker
that the frame killed can't say so, and to the server it looks like one that was merely stopped; a frame is given up
for such deliveries only after `_DELIVERIES_WITHOUT_WORD`, so that rolling restarts make no errors and a poisonous
frame kills no worker more. While the bus doesn't take a message its frame stays in hand: a delivery is not spent on
that.
"""

import asyncio
import logging

from nats.aio.msg import Msg

from inference import metrics
from inference.cascade.cascade import Cascade, Looked
from inference.dataplane import DataPlane
from inference.errors import UndecodableImage
from inference.guard.verdict import Verdict
from inference.repository.folder import Model
from inference.runtime.batching import BatcherClosed, ModelFailed
from inference.stream.frame_traces import FrameTrace, FrameTraces
from inference.stream.results import Results, timing
from inference.stream.room import Place
from inference.stream.tokens import Tokens, feed_of
from inference.stream.verdicts import note_verdict
from vedette.consumers import DELIVERIES_PER_CLIP
from vedette.errors import BusUnavailable, MalformedMessage
from vedette.frames import FrameHeaders
from vedette.messages import Detection, Served, Timing
from vedette.process.logs import current_camera
from vedette.process.metrics import DROPPED
from vedette.retry import Backoff, Retry
from vedette.subjects import Feed

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0)
_DELIVERIES_WITHOUT_WORD = 10
_CAMERA = "recording"
"""In the metrics, for all recordings: each has a camera of its own, `<name>-<run>`, and its series would stay."""


class ClipConsumer:
    """Serves the frames of recordings for one pipeline."""

    def __init__(
        self,
        plane: DataPlane,
        results: Results,
        tokens: Tokens,
        cascade: Cascade | None = None,
        traces: FrameTraces | None = None,
    ) -> None:
        """`cascade`: the further stages of the pipeline, where it has some. `traces`: where frames are traced."""
        self._plane = plane
        self._results = results
        self._tokens = tokens
        self._cascade = cascade
        self._traces = traces

    async def serve(self, clip: Msg, place: Place) -> None:
        """Serve one frame."""
        async with self._tokens.held(clip):
            try:
                feed = feed_of(clip)
                current_camera.set(feed.camera)
                headers = FrameHeaders.decode(clip.headers or {})
            except MalformedMessage as error:
                logger.error("a recording's frame is left out: %s", error)
                DROPPED.labels(_CAMERA, "malformed", "inference").inc()
                await self._tokens.confirm(clip)
                return
            try:
                outcome = await self._outcome(feed, clip, headers, place)
            except (ModelFailed, BatcherClosed) as error:
                logger.warning("frame %s not served, will be delivered again: %s", headers.seq, error)
                await self._tokens.give_back(clip)
                return
            if await self._tokens.confirm(clip):
                await self._tokens.tell_served(feed, Served(epoch=headers.epoch, seq=headers.seq, outcome=outcome))

    async def _outcome(self, feed: Feed, clip: Msg, headers: FrameHeaders, place: Place) -> str:
        """Publish the frame's one message. Raises what another delivery may mend."""
        delivery = clip.metadata.num_delivered or 1
        if delivery > 1:
            metrics.REDELIVERED.labels(feed.pipeline).inc()
        if delivery > _DELIVERIES_WITHOUT_WORD:
            return await self._fail(feed, clip, headers, f"no result in {_DELIVERIES_WITHOUT_WORD} deliveries")
        inspection = self._results.inspection(feed, headers)
        trace = self._traces.begin(feed, headers, clip.metadata.timestamp) if self._traces is not None else None
        try:
            inference = await self._plane.infer(
                clip.data, lane="complete", inspection=inspection, source=(feed.site, feed.camera), protocol="clip"
            )
        except UndecodableImage as error:
            return await self._fail(feed, clip, headers, f"undecodable: {error}", "undecodable", trace)
        except ModelFailed as error:
            if delivery < DELIVERIES_PER_CLIP:
                raise
            return await self._fail(feed, clip, headers, str(error), trace=trace)
        place.inferred()
        note_verdict(_CAMERA, feed.pipeline, inspection, inference)
        if not inference.was_inferred:
            if trace is not None:
                trace.answered(inference)
            await self._publish(feed, inference.model, clip, headers, verdict=inference.verdict, trace=trace)
            if trace is not None:
                trace.published("rejected")
            DROPPED.labels(_CAMERA, "rejected", "inference").inc()
            return "rejected"
        seen, looked = self._results.seen(inference, headers.view), None
        wanted = tuple(one.detection for one in seen)
        if self._cascade is not None and seen:
            place.set_aside()
            looked = await self._cascade.look(feed, clip.data, seen, headers.view, None, "complete")
            wanted = looked.detections
        if trace is not None:
            trace.answered(inference, looked)
        took = timing(inference, headers, None, looked)
        await self._publish(
            feed, inference.model, clip, headers, wanted, took, verdict=inference.verdict, looked=looked, trace=trace
        )
        if trace is not None:
            trace.published("inferred")
        metrics.INFERRED.labels(_CAMERA, feed.pipeline).inc()
        for detection in wanted:
            metrics.DETECTIONS.labels(_CAMERA, detection.label).inc()
        return "inferred"

    async def _fail(
        self,
        feed: Feed,
        clip: Msg,
        headers: FrameHeaders,
        error: str,
        outcome: str = "failed",
        trace: FrameTrace | None = None,
    ) -> str:
        logger.warning("frame %s: %s", headers.seq, error)
        model = self._plane.choose((feed.site, feed.camera)).model
        await self._publish(feed, model, clip, headers, error=error, trace=trace)
        if trace is not None:
            trace.failed(outcome, error)
        return outcome

    async def _publish(
        self,
        feed: Feed,
        model: Model,
        clip: Msg,
        headers: FrameHeaders,
        detections: tuple[Detection, ...] = (),
        took: Timing | None = None,
        error: str | None = None,
        verdict: Verdict | None = None,
        looked: Looked | None = None,
        trace: FrameTrace | None = None,
    ) -> None:
        """Until it is stored, however long that takes."""
        retry = Retry(_BACKOFF)
        traceparent = trace.publishing(failed=error is not None) if trace is not None else None
        while True:
            try:
                return await self._results.publish(
                    feed,
                    model,
                    headers,
                    clip.metadata.timestamp,
                    detections,
                    took,
                    error=error,
                    verdict=verdict,
                    looked=looked,
                    traceparent=traceparent,
                )
            except BusUnavailable as unavailable:
                logger.warning("frame %s waits: %s", headers.seq, unavailable)
                await asyncio.sleep(retry.wait_s(0.0))
