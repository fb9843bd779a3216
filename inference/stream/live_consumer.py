"""Live frames: a token a camera, the frame read as it is when its turn comes, the result stored, then the token freed.

A worker that dies leaves its tokens unacknowledged: after `ACK_WAIT_S` another serves those cameras.
"""

import datetime as dt
import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass
from time import monotonic

from nats.aio.msg import Msg

from inference import metrics
from inference.cascade.cascade import Cascade
from inference.dataplane import DataPlane
from inference.errors import UndecodableImage
from inference.picture_model import Inference
from inference.runtime.batching import BatcherClosed, DeadlineExceeded, ModelFailed
from inference.stream.frame_traces import FrameTrace, FrameTraces
from inference.stream.latest_frames import LatestFrames, StoredFrame
from inference.stream.results import Results, timing
from inference.stream.room import Place
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens, feed_of
from inference.stream.verdicts import note_verdict
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable, MalformedMessage, MessageTooLarge
from vedette.frames import FrameHeaders
from vedette.messages import Detection, Served
from vedette.process.logs import current_camera
from vedette.process.metrics import DROPPED, EXPIRED, STAGE_TIME
from vedette.subjects import Feed

logger = logging.getLogger(__name__)

_REMEMBERED = 10_000
_MISSING = Served(epoch=0, seq=-1, outcome="missing")


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame that was read, and how old it is."""

    jpeg: bytes
    headers: FrameHeaders
    arrived_at: dt.datetime
    arrived_s: float
    """On this process' monotonic clock."""
    stored_at: dt.datetime

    @property
    def deadline_s(self) -> float | None:
        budget_ms = self.headers.budget_ms
        return None if budget_ms is None else self.arrived_s + budget_ms / 1000

    @property
    def age_ms(self) -> float:
        return (monotonic() - self.arrived_s) * 1000


class LiveConsumer:
    """Serves the tokens of one pipeline."""

    def __init__(
        self,
        bus: Bus,
        plane: DataPlane,
        results: Results,
        tokens: Tokens,
        frames: LatestFrames,
        clock: ServerClock,
        cascade: Cascade | None = None,
        traces: FrameTraces | None = None,
    ) -> None:
        """`cascade`: the further stages of the pipeline, where it has some. `traces`: where frames are traced."""
        self._bus = bus
        self._plane = plane
        self._results = results
        self._tokens = tokens
        self._frames = frames
        self._clock = clock
        self._cascade = cascade
        self._traces = traces
        self._served: OrderedDict[Feed, tuple[int, int]] = OrderedDict()
        self._age = metrics.FRAME_AGE.labels(plane.name)

    async def serve(self, token: Msg, place: Place) -> None:
        """Serve one camera's token: its latest frame, whatever becomes of it, and then a note to its gateway."""
        waited_ms = self._waited_ms(token)
        async with self._tokens.held(token):
            try:
                feed = feed_of(token)
            except MalformedMessage as error:
                logger.warning("a token is left out: %s", error)
                DROPPED.labels("", "malformed", "inference").inc()
                await self._tokens.confirm(token)
                return
            current_camera.set(feed.camera)
            try:
                note = await self._outcome(feed, place)
            except (BatcherClosed, BusUnavailable) as error:
                logger.warning("not served, will be delivered again: %s", error)
                await self._tokens.give_back(token, later=isinstance(error, BusUnavailable))
                return
            if await self._tokens.confirm(token):
                await self._tokens.tell_served(feed, note.model_copy(update={"waited_ms": waited_ms}))

    def _waited_ms(self, token: Msg) -> float:
        """How long a token that came just now had waited on the server."""
        waited_s = (self._clock.now() - token.metadata.timestamp).total_seconds() - self._clock.delay_s
        return round(max(0.0, waited_s) * 1000, 2)

    async def _outcome(self, feed: Feed, place: Place) -> Served:
        stored = await self._frames.read(feed.frame)
        if stored is None:
            metrics.TOKENS_IN_VAIN.labels(feed.camera, feed.pipeline).inc()
            return _MISSING
        try:
            frame = self._read(stored)
        except MalformedMessage as error:
            logger.warning("%s", error)
            return self._dropped(feed, "malformed", _MISSING)
        identity, last = (frame.headers.epoch, frame.headers.seq), self._served.get(feed, (-1, -1))
        if identity[0] < last[0]:
            return self._dropped(feed, "deposed", _note(frame, "repeated"))
        if identity <= last:
            metrics.REPEATED.labels(feed.camera, feed.pipeline).inc()
            return _note(frame, "repeated")
        note = await self._attempt(feed, frame, place)
        self._remember(feed, identity)
        return note

    async def _attempt(self, feed: Feed, frame: _Frame, place: Place) -> Served:
        """The frame's only one: only what is no matter of this frame is raised, and leads to another."""
        trace = self._traces.begin(feed, frame.headers, frame.stored_at) if self._traces is not None else None
        try:
            return await self._infer(feed, frame, place, trace)
        except UndecodableImage as error:
            logger.warning("undecodable frame: %s", error)
            _trace_failure(trace, "undecodable", error)
            return self._dropped(feed, "undecodable", _note(frame, "undecodable"))
        except DeadlineExceeded as error:
            _trace_failure(trace, "expired", error)
            EXPIRED.labels(feed.camera, feed.pipeline).inc()
            return _note(frame, "expired")
        except ModelFailed as error:
            logger.error("%s", error)
            _trace_failure(trace, "failed", error)
            return self._dropped(feed, "model_failed", _note(frame, "failed"))

    async def _infer(self, feed: Feed, frame: _Frame, place: Place, trace: FrameTrace | None) -> Served:
        if frame.deadline_s is not None and monotonic() > frame.deadline_s:
            raise DeadlineExceeded("over its budget when it was read")
        inspection = self._results.inspection(feed, frame.headers)
        inference = await self._plane.infer(
            frame.jpeg, frame.deadline_s, inspection=inspection, source=(feed.site, feed.camera)
        )
        place.inferred()
        note_verdict(feed.camera, feed.pipeline, inspection, inference)
        if not inference.was_inferred:
            return await self._reject(feed, frame, inference, trace)
        age_ms = frame.age_ms
        seen = self._results.seen(inference, frame.headers.view)
        wanted = tuple(one.detection for one in seen)
        looked = None
        if self._cascade is not None and seen:
            place.set_aside()  # others' frames go on while this one waits
            looked = await self._cascade.look(feed, frame.jpeg, seen, frame.headers.view, frame.deadline_s, "live")
            wanted = looked.detections
        if trace is not None:
            trace.answered(inference, looked)
        picture = await self._keep_picture(feed, frame) if wanted else None
        took = timing(inference, frame.headers, age_ms, looked)
        await self._results.publish(
            feed,
            inference.model,
            frame.headers,
            frame.arrived_at,
            wanted,
            took,
            picture,
            verdict=inference.verdict,
            looked=looked,
            traceparent=trace.publishing() if trace is not None else None,
        )
        if trace is not None:
            trace.published("inferred", kept_picture=bool(wanted))
        self._count(feed, frame, inference, age_ms, wanted)
        return _note(frame, "inferred", inference.queue_s * 1000)

    async def _reject(self, feed: Feed, frame: _Frame, inference: Inference, trace: FrameTrace | None) -> Served:
        """The guard did not let it be inferred: its message says so, and has no detections."""
        if trace is not None:
            trace.answered(inference)
        await self._results.publish(
            feed,
            inference.model,
            frame.headers,
            frame.arrived_at,
            verdict=inference.verdict,
            traceparent=trace.publishing() if trace is not None else None,
        )
        if trace is not None:
            trace.published("rejected")
        return self._dropped(feed, "rejected", _note(frame, "rejected"))

    async def _keep_picture(self, feed: Feed, frame: _Frame) -> int | None:
        """Store the very picture that was inferred; its sequence number. Detections don't depend on it."""
        try:
            return (await self._bus.publish_confirmed(feed.picture, frame.jpeg, frame.headers.encode())).seq
        except (BusUnavailable, MessageTooLarge) as error:
            logger.warning("picture not kept: %s", error)
            return None

    def _read(self, stored: StoredFrame) -> _Frame:
        headers = FrameHeaders.decode(stored.headers)
        on_bus_s = max(0.0, (self._clock.now() - stored.stored_at).total_seconds())
        try:
            arrived_at = stored.stored_at - dt.timedelta(milliseconds=headers.age_ms)
        except OverflowError as error:
            raise MalformedMessage(f"frame headers: an age of {headers.age_ms} ms") from error
        arrived_s = monotonic() - on_bus_s - headers.age_ms / 1000
        return _Frame(stored.jpeg, headers, arrived_at, arrived_s, stored.stored_at)

    def _remember(self, feed: Feed, identity: tuple[int, int]) -> None:
        self._served[feed] = max(identity, self._served.get(feed, identity))
        self._served.move_to_end(feed)
        if len(self._served) > _REMEMBERED:
            self._served.popitem(last=False)

    def _count(
        self, feed: Feed, frame: _Frame, inference: Inference, age_ms: float, wanted: tuple[Detection, ...]
    ) -> None:
        metrics.INFERRED.labels(feed.camera, feed.pipeline).inc()
        metrics.LATENCY.labels(feed.pipeline).observe(frame.age_ms / 1000)
        STAGE_TIME.labels("prepare", feed.pipeline).observe(inference.prepare_s)
        self._age.observe(max(0.0, age_ms / 1000 - inference.infer_s))
        for label, count in Counter(detection.label for detection in wanted).items():
            metrics.DETECTIONS.labels(feed.camera, label).inc(count)

    def _dropped(self, feed: Feed, reason: str, note: Served) -> Served:
        DROPPED.labels(feed.camera, reason, "inference").inc()
        return note


def _trace_failure(trace: FrameTrace | None, outcome: str, error: Exception) -> None:
    if trace is not None:
        trace.failed(outcome, str(error))


def _note(frame: _Frame, outcome: str, queue_ms: float | None = None) -> Served:
    return Served(
        epoch=frame.headers.epoch,
        seq=frame.headers.seq,
        outcome=outcome,
        age_ms=round(frame.age_ms, 1),
        queue_ms=None if queue_ms is None else round(queue_ms, 2),
    )
