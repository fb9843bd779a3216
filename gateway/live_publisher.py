"""Frames onto the bus: the frame first; its token when the frame's acknowledgement arrives; and again after `served`.

Back to back, the token would overtake its frame (ingest is asynchronous per stream) and a worker would find the old
one. A token that is refused because one waits already is harmless. One inbox takes all acknowledgements: a reply
subject names its frame, so nothing is kept per request.
"""

import json
import logging
from collections.abc import Callable
from time import monotonic

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from gateway import metrics
from gateway.ledger import Ledger
from vedette.bus import Bus, describe
from vedette.errors import MessageTooLarge
from vedette.frames import FrameHeaders
from vedette.leases import Lease
from vedette.messages import Served
from vedette.metrics import DROPPED
from vedette.subjects import Feed, served_of_site

logger = logging.getLogger(__name__)

_UNACKNOWLEDGED = 4
"""Frames of a feed under way to the server, at most; a bus slower than that gets no more."""

Headers = Callable[[int, int], FrameHeaders]
"""Makes a frame's headers from its epoch and sequence number, at the moment it is sent."""


class LivePublisher:
    """All live feeds of a gateway. `start` once; then `feed` for each camera and pipeline."""

    def __init__(self, bus: Bus, site: str) -> None:
        self._bus = bus
        self._site = site
        self._inbox = bus.client.new_inbox()
        self._feeds: dict[tuple[str, str], LiveFeed] = {}

    async def start(self) -> None:
        """Listen for acknowledgements and for workers' notes."""
        await self._bus.client.subscribe(f"{self._inbox}.>", cb=self._on_acknowledgement)
        await self._bus.client.subscribe(served_of_site(self._site), cb=self._on_served)

    def feed(self, camera: str, pipeline: str, lease: Lease) -> "LiveFeed":
        """The feed of a camera for a pipeline; its frames carry the epoch of `lease`."""
        feed = LiveFeed(self._bus, Feed(pipeline, self._site, camera), lease, f"{self._inbox}.{pipeline}.{camera}")
        self._feeds[pipeline, camera] = feed
        return feed

    async def _on_acknowledgement(self, message: Msg) -> None:
        pipeline, camera, epoch, seq = message.subject.removeprefix(self._inbox + ".").split(".")
        await self._feeds[pipeline, camera].acknowledged(int(epoch), int(seq), _refusal(message))

    async def _on_served(self, message: Msg) -> None:
        whose = Feed.parse(message.subject)
        feed = self._feeds.get((whose.pipeline, whose.camera))
        if feed is None:
            return
        try:
            await feed.served(Served.model_validate_json(message.data))
        except ValidationError as error:
            logger.warning("malformed served note on %s: %s errors", message.subject, error.error_count())


class LiveFeed:
    """One camera's frames for one pipeline."""

    def __init__(self, bus: Bus, subjects: Feed, lease: Lease, reply: str) -> None:
        self._bus = bus
        self._subjects = subjects
        self._lease = lease
        self._reply = reply
        self._ledger = Ledger(epoch=0)
        self._unacknowledged: dict[int, float] = {}

    async def publish(self, jpeg: bytes, headers: Headers) -> None:
        """Publish a frame, or drop and count it. Never waits for the server, never raises for one frame's sake."""
        reason = await self._send(jpeg, headers)
        if reason is not None:
            self._dropped(reason)

    async def acknowledged(self, epoch: int, seq: int, refusal: str | None) -> None:
        """The server has stored a frame, or refused it: offer its token, or count the loss."""
        if epoch != self._ledger.epoch or self._unacknowledged.pop(seq, None) is None:
            return
        if refusal is not None:
            logger.warning("%s: frame refused: %s", self._subjects.frame, refusal)
            self._ledger.lost(seq)
            self._dropped("refused")
            return
        metrics.PUBLISHED.labels(self._subjects.camera, self._subjects.pipeline).inc()
        self._ledger.stored(seq, monotonic())
        await self._offer()

    async def served(self, note: Served) -> None:
        """A worker served a frame: settle the ones before it, and offer a newer one that waits."""
        settled = self._ledger.served(note.epoch, note.seq, monotonic())
        if settled.superseded:
            metrics.SUPERSEDED.labels(self._subjects.camera, self._subjects.pipeline).inc(settled.superseded)
        if settled.offer_again and self._lease.held:
            metrics.OFFERED_AGAIN.labels(self._subjects.camera).inc()
            await self._offer()

    async def _send(self, jpeg: bytes, headers: Headers) -> str | None:
        """Why the frame could not be sent, or None."""
        now_s = monotonic()
        self._settle_old(now_s)
        if not self._bus.connected:
            return "disconnected"
        if not self._lease.held:
            return "no_lease"
        if len(self._unacknowledged) >= _UNACKNOWLEDGED:
            return "bus_slow"
        if self._lease.epoch != self._ledger.epoch:
            self._ledger, self._unacknowledged = Ledger(self._lease.epoch), {}
        epoch, seq = self._ledger.epoch, self._ledger.publish(now_s)
        try:
            self._bus.check_size(self._subjects.frame, jpeg)
            self._unacknowledged[seq] = now_s
            await self._bus.client.publish(
                self._subjects.frame, jpeg, reply=f"{self._reply}.{epoch}.{seq}", headers=headers(epoch, seq).encode()
            )
        except (MessageTooLarge, NatsError) as error:
            logger.warning("frame not sent: %s", describe(error))
            self._ledger.lost(seq)
            self._unacknowledged.pop(seq, None)
            return "too_large" if isinstance(error, MessageTooLarge) else "disconnected"
        return None

    async def _offer(self) -> None:
        if self._bus.connected:
            await self._bus.client.publish(self._subjects.work, b"")

    def _settle_old(self, now_s: float) -> None:
        expired = self._ledger.expire(now_s)
        if expired:
            metrics.EXPIRED.labels(self._subjects.camera, self._subjects.pipeline).inc(expired)
        for seq in [seq for seq, sent_s in self._unacknowledged.items() if now_s - sent_s > 2.0]:
            del self._unacknowledged[seq]
            self._ledger.lost(seq)
            self._dropped("unacknowledged")

    def _dropped(self, reason: str) -> None:
        DROPPED.labels(self._subjects.camera, reason, "gateway").inc()


def _refusal(message: Msg) -> str | None:
    """Why the server has not stored the frame; None when it has."""
    if message.headers and message.headers.get("Status"):
        return "no stream" if message.headers["Status"] == "503" else f"status {message.headers['Status']}"
    try:
        answer = json.loads(message.data)
    except ValueError:
        return "an answer that is no JSON"
    return answer["error"].get("description", "error") if "error" in answer else None
