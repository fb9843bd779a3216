"""Frames onto the bus: the frame first; its token when the frame's acknowledgement arrives; and again after `served`.

Back to back, the token would overtake its frame (ingest is asynchronous per stream) and a worker would find the old
one. A token that is refused because one waits already is harmless. One inbox takes all acknowledgements: a reply
subject names its frame, so nothing is kept per request.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from gateway import metrics
from gateway.fleet.feed_traces import FeedTraces
from gateway.fleet.ledger import Ledger, Settled
from gateway.fleet.rate_control import RateControl, RateLimits, SharedRate
from vedette.background import background
from vedette.bus.connection import Bus, describe
from vedette.errors import BusMisfit, BusUnavailable, MessageTooLarge
from vedette.fleet.leases import Lease
from vedette.frames import FrameHeaders
from vedette.messages import Served
from vedette.process.metrics import DROPPED, EXPIRED, STAGE_TIME, SUPERSEDED
from vedette.retry import Backoff, Retry
from vedette.subjects import Feed, served_of_site
from vedette.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

_UNACKNOWLEDGED = 4
"""Frames of a feed under way to the server, at most; a bus slower than that gets no more."""
_NO_STREAM = "no stream"
_SETTLE_EVERY_S = 1.0
_OUTCOMES = {"inferred", "expired", "undecodable", "rejected", "failed", "repeated"}
_ENSURE = Backoff(first_s=0.5, cap_s=30.0)

Headers = Callable[[int, int], FrameHeaders]
"""Makes a frame's headers from its epoch and sequence number, at the moment it is sent."""


class LivePublisher:
    """All live feeds of a gateway. `start` once; then `feed` for each camera and pipeline, and `run` beside them."""

    def __init__(self, bus: Bus, site: str, tracer: Tracer | None = None) -> None:
        """`tracer`: where frames are traced."""
        self._bus = bus
        self._site = site
        self._tracer = tracer
        self._inbox = bus.client.new_inbox()
        self._feeds: dict[tuple[str, str], LiveFeed] = {}
        self._ended: list[LiveFeed] = []
        """Of which some frames are on the bus still."""
        self._rates: dict[str, SharedRate] = {}
        self._missing = asyncio.Event()

    async def start(self) -> None:
        """Listen for acknowledgements and for workers' notes.

        Raises BusUnavailable: the connection was closed.
        """
        try:
            await self._bus.client.subscribe(f"{self._inbox}.>", cb=self._on_acknowledgement)
            await self._bus.client.subscribe(served_of_site(self._site), cb=self._on_served)
        except NatsError as error:
            raise BusUnavailable(describe(error)) from error

    async def run(self) -> None:
        """Settle frames that grew old, and make the streams again, should someone have deleted the one for frames;
        until cancelled."""
        async with background(self._settle()):
            await self._mend()

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_EVERY_S)
            now_s = monotonic()
            for feed in (*self._feeds.values(), *self._ended):
                feed.settle(now_s)
            self._ended = [feed for feed in self._ended if feed.waiting]

    async def _mend(self) -> None:
        retry, ensured_s = Retry(_ENSURE), monotonic()
        while True:
            await self._missing.wait()
            logger.warning("the stream for frames is gone; making it again")
            lasted_s = monotonic() - ensured_s
            try:
                await self._bus.ensure()
            except (BusUnavailable, BusMisfit) as error:
                logger.warning("not made: %s", error)
            await asyncio.sleep(retry.wait_s(lasted_s))
            ensured_s = monotonic()
            self._missing.clear()

    def feed(self, camera: str, pipeline: str, lease: Lease, rates: RateLimits | None = None) -> "LiveFeed":
        """The feed of a camera for a pipeline; its frames carry the epoch of `lease`. Its rate is kept within `rates`;
        None: it follows from the stream."""
        subjects, reply = Feed(pipeline, self._site, camera), f"{self._inbox}.{pipeline}.{camera}"
        control = None
        if rates is not None:
            control = RateControl(rates, monotonic(), self._rates.setdefault(pipeline, SharedRate()))
        traces = None if self._tracer is None else FeedTraces(self._tracer, subjects)
        feed = LiveFeed(self._bus, subjects, lease, reply, control, traces)
        self._feeds[pipeline, camera] = feed
        return feed

    def remove(self, camera: str) -> None:
        """The camera's feeds are used no more; their frames on the bus are accounted for all the same."""
        for key in [key for key in self._feeds if key[1] == camera]:
            feed = self._feeds.pop(key)
            feed.ended = True
            self._ended.append(feed)

    def forget(self, camera: str) -> None:
        """Nobody wants to know any more what became of the frames of a camera that was removed."""
        self._ended = [feed for feed in self._ended if feed.camera != camera]

    async def _on_acknowledgement(self, message: Msg) -> None:
        pipeline, camera, epoch, seq = message.subject.removeprefix(self._inbox + ".").split(".")
        refusal = _refusal(message)
        if refusal == _NO_STREAM:
            self._missing.set()
        for feed in self._feeds_of(pipeline, camera):
            await feed.acknowledged(int(epoch), int(seq), refusal)

    async def _on_served(self, message: Msg) -> None:
        whose = Feed.parse(message.subject)
        feeds = self._feeds_of(whose.pipeline, whose.camera)
        if not feeds:
            return
        try:
            note = Served.model_validate_json(message.data)
        except ValidationError as error:
            logger.warning("malformed served note on %s: %s errors", message.subject, error.error_count())
            return
        for feed in feeds:
            await feed.served(note)

    def _feeds_of(self, pipeline: str, camera: str) -> "list[LiveFeed]":
        """The one in use, and those before it that are not settled."""
        feed = self._feeds.get((pipeline, camera))
        ended = [one for one in self._ended if (one.pipeline, one.camera) == (pipeline, camera)]
        return ended if feed is None else [*ended, feed]


class LiveFeed:
    """One camera's frames for one pipeline."""

    def __init__(
        self,
        bus: Bus,
        subjects: Feed,
        lease: Lease,
        reply: str,
        control: RateControl | None = None,
        traces: FeedTraces | None = None,
    ) -> None:
        self.control = control
        """Says how often to sample, where that can be changed."""
        self.camera, self.pipeline = subjects.camera, subjects.pipeline
        self.ended = False
        """Nothing more is published; what was is settled still."""
        self._bus = bus
        self._subjects = subjects
        self._lease = lease
        self._reply = reply
        self._ledger = Ledger(epoch=0)
        self._traces = traces
        labels = (subjects.camera, subjects.pipeline)
        self._published = metrics.PUBLISHED.labels(*labels)
        self._publishing = STAGE_TIME.labels("publish", subjects.pipeline)
        self._superseded = SUPERSEDED.labels(*labels)
        self._expired = EXPIRED.labels(*labels)
        self._age = metrics.AGE.labels(*labels)
        self._waiting = metrics.WAITING.labels(*labels)
        self._offered_again = metrics.OFFERED_AGAIN.labels(subjects.camera)

    async def publish(self, jpeg: bytes, headers: Headers) -> None:
        """Publish a frame, or drop and count it. Never waits for the server, never raises for one frame's sake."""
        now_s = monotonic()
        self.settle(now_s)
        reason = self._hindrance()
        if reason is not None:
            self._dropped(reason)
            return
        if self._lease.epoch != self._ledger.epoch:
            self._gave_up("unacknowledged", self._ledger.give_up(inf))
            self._superseded.inc(self._ledger.end())
            self._forget_traces()
            self._ledger = Ledger(self._lease.epoch)
        seq = self._ledger.publish(now_s)
        self._show()
        await self._send(jpeg, headers, seq)

    @property
    def waiting(self) -> int:
        """Frames on the bus of which it isn't known what becomes."""
        return self._ledger.waiting

    def settle(self, now_s: float) -> None:
        """Frames that were not stored in time are lost, and those that the stream keeps no longer have expired."""
        self._gave_up("unacknowledged", self._ledger.give_up(now_s))
        if expired := self._ledger.expire(now_s):
            self._expired.inc(expired)
            self._lose_traces("expired")
            if self.control is not None:
                self.control.expired(now_s)
        self._show()

    async def acknowledged(self, epoch: int, seq: int, refusal: str | None) -> None:
        """The server has stored a frame, or refused it: offer its token, or count the loss."""
        if epoch != self._ledger.epoch:
            return
        if refusal is not None:
            logger.warning("%s: frame refused: %s", self._subjects.frame, refusal)
            self._lost(seq, "refused")
        elif (took_s := self._ledger.stored(seq, monotonic())) is not None:
            self._published.inc()
            self._publishing.observe(took_s)
            if not self.ended:
                await self._offer()

    async def served(self, note: Served) -> None:
        """A worker served a frame: settle the ones before it, and offer a newer one that waits."""
        now_s = monotonic()
        settled = self._ledger.served(note.epoch, note.seq, now_s)
        self._superseded.inc(settled.superseded)
        self._forget_traces()
        if settled.answered:
            outcome = note.outcome if note.outcome in _OUTCOMES else "other"
            metrics.ANSWERED.labels(self.camera, self.pipeline, outcome).inc()
            if note.age_ms is not None and not self.ended:
                self._age.set(note.age_ms / 1000)
        self._show()
        if self.control is not None:
            _tell(self.control, note, settled, now_s)
        if settled.offer_again and self._lease.held and not self.ended:
            self._offered_again.inc()
            await self._offer()

    def _show(self) -> None:
        if not self.ended:  # the one that follows has the same labels
            self._waiting.set(self._ledger.waiting)

    def _hindrance(self) -> str | None:
        """Why no frame can be sent now, or None."""
        if not self._bus.connected:
            return "disconnected"
        if not self._lease.held:
            return "no_lease"
        return "bus_slow" if self._ledger.unacknowledged >= _UNACKNOWLEDGED else None

    async def _send(self, jpeg: bytes, headers: Headers, seq: int) -> None:
        epoch, subject = self._ledger.epoch, self._subjects.frame
        try:
            reply, said = f"{self._reply}.{epoch}.{seq}", headers(epoch, seq)
            if self._traces is not None:
                said = self._traces.begin(said)
            self._bus.check_size(subject, jpeg)
            await self._bus.client.publish(subject, jpeg, reply=reply, headers=said.encode())
            self._bus.hand_over()  # while the lease is held for certain
        except MessageTooLarge as error:
            logger.warning("frame not sent: %s", error)
            self._lost(seq, "too_large")
        except NatsError as error:
            logger.warning("frame not sent: %s", describe(error))
            self._lost(seq, "disconnected")

    async def _offer(self) -> None:
        """Publish a token; it is refused where one waits already. Without connection it would be in vain."""
        self._ledger.offered(monotonic())
        with suppress(NatsError):
            await self._bus.client.publish(self._subjects.work, b"")

    def _lost(self, seq: int, reason: str) -> None:
        if self._ledger.lost(seq):
            self._gave_up(reason, 1)

    def _gave_up(self, reason: str, count: int) -> None:
        """So many frames that were sent."""
        self._dropped(reason, count)
        if count:
            self._lose_traces(reason)

    def _lose_traces(self, reason: str) -> None:
        if self._traces is not None:
            self._traces.lose(self._ledger.is_waiting, reason)

    def _forget_traces(self) -> None:
        if self._traces is not None:
            self._traces.forget(self._ledger.is_waiting)

    def _dropped(self, reason: str, count: int = 1) -> None:
        if count:
            DROPPED.labels(self.camera, reason, "gateway").inc(count)


def _tell(control: RateControl, note: Served, settled: Settled, now_s: float) -> None:
    """What a worker's note says of how busy the workers are."""
    if note.outcome == "expired":
        control.expired(now_s)
    elif note.seq >= 0:
        waited_s = ((note.waited_ms or 0.0) + (note.queue_ms or 0.0)) / 1000
        control.served(now_s, waited_s, settled.in_vain, (note.age_ms or 0.0) / 1000)


def _refusal(message: Msg) -> str | None:
    """Why the server has not stored the frame; None when it has."""
    if message.headers and message.headers.get("Status"):
        return _NO_STREAM if message.headers["Status"] == "503" else f"status {message.headers['Status']}"
    try:
        answer = json.loads(message.data)
    except ValueError:
        return "an answer that is no JSON"
    return answer["error"].get("description", "error") if "error" in answer else None
