"""Frames of recordings: every frame gives exactly one message, however often workers die.

A picture that can't be decoded gives a message with an error; so does one on which the model failed, or its worker
died, at every one of `DELIVERIES_PER_CLIP` deliveries.
"""

import asyncio
import logging
from collections.abc import Sequence

from nats.aio.msg import Msg

from inference import metrics
from inference.batching import BatcherClosed, ModelFailed
from inference.dataplane import DataPlane
from inference.errors import UndecodableImage
from inference.results import Results, timing
from inference.tokens import Tokens
from vedette.errors import BusUnavailable, MalformedMessage
from vedette.frames import FrameHeaders
from vedette.logs import current_camera
from vedette.messages import Served
from vedette.metrics import DROPPED
from vedette.subjects import DELIVERIES_PER_CLIP, Feed

logger = logging.getLogger(__name__)


class ClipConsumer:
    """Serves the frames of recordings for one pipeline."""

    def __init__(self, plane: DataPlane, results: Results, tokens: Tokens) -> None:
        self._plane = plane
        self._results = results
        self._tokens = tokens

    async def serve(self, clips: Sequence[Msg]) -> None:
        """Serve some frames, each on its own."""
        async with asyncio.TaskGroup() as tasks:
            for clip in clips:
                self._tokens.hold(clip)
                tasks.create_task(self._serve_one(clip))

    async def _serve_one(self, clip: Msg) -> None:
        feed = Feed.parse(clip.subject)
        current_camera.set(feed.camera)
        try:
            headers = FrameHeaders.decode(clip.headers or {})
        except MalformedMessage as error:
            logger.error("a recording's frame is left out: %s", error)
            DROPPED.labels(feed.camera, "malformed", "inference").inc()
            await self._tokens.confirm(clip)
            return
        try:
            outcome = await self._outcome(feed, clip, headers)
        except (ModelFailed, BatcherClosed, BusUnavailable) as error:
            logger.warning("frame %s not served, will be delivered again: %s", headers.seq, error)
            await self._tokens.give_back(clip)
            return
        if await self._tokens.confirm(clip):
            await self._tokens.tell_served(feed, Served(epoch=headers.epoch, seq=headers.seq, outcome=outcome))

    async def _outcome(self, feed: Feed, clip: Msg, headers: FrameHeaders) -> str:
        """Publish the frame's one message. Raises what another delivery may mend."""
        delivery = clip.metadata.num_delivered or 1
        if delivery > 1:
            metrics.REDELIVERED.labels(feed.pipeline).inc()
        if delivery > DELIVERIES_PER_CLIP:
            return await self._publish_error(feed, clip, headers, f"no result in {DELIVERIES_PER_CLIP} deliveries")
        try:
            inference = await self._plane.infer(clip.data, lane="complete")
        except UndecodableImage as error:
            return await self._publish_error(feed, clip, headers, f"undecodable: {error}")
        except ModelFailed as error:
            if delivery < DELIVERIES_PER_CLIP:
                raise
            return await self._publish_error(feed, clip, headers, str(error))
        took = timing(inference, headers, None)
        await self._results.publish(feed, headers, clip.metadata.timestamp, self._results.wanted(inference), took)
        metrics.INFERRED.labels(feed.camera, feed.pipeline).inc()
        return "inferred"

    async def _publish_error(self, feed: Feed, clip: Msg, headers: FrameHeaders, error: str) -> str:
        logger.warning("frame %s: %s", headers.seq, error)
        await self._results.publish(feed, headers, clip.metadata.timestamp, error=error)
        return "failed"
