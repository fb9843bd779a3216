"""A subscriber, written as a user would write it: it keeps what the SDK gave it, and when."""

import asyncio
import datetime as dt
import logging
from collections import defaultdict
from itertools import pairwise
from time import monotonic

from vedette.background import background
from vedette.errors import BusUnavailable
from vedette.event_parser import Event
from vedette.messages import Detections
from vedette.object_messages import ObjectEnd, ObjectEvent
from vedette.subscriber.subscribe import Subscription, subscribe

logger = logging.getLogger(__name__)

SUBJECTS = {"DETECTIONS": "vedette.detections.>", "EVENTS": "vedette.events.>"}
_AGAIN_S = 0.5


class Witness:
    """Reads two streams with durable consumers for as long as `run` does."""

    def __init__(self, url: str) -> None:
        self.seen: dict[str, set[str]] = {stream: set() for stream in SUBJECTS}
        """Ids of events, by stream."""
        self.doubled = 0
        """Events that one subscription gave out twice. Another one, after a lost connection, may: at least once."""
        self.superseded = 0
        """That it left out, as another gateway had taken their camera over."""
        self._ended_malformed = 0
        self._reading: set[Subscription] = set()
        self.arrivals: dict[str, list[tuple[float, dt.datetime]]] = defaultdict(list)
        """By camera: when detections came (monotonic), and when their frame was at its gateway."""
        self.lags: dict[str, list[tuple[float, float]]] = {stream: [] for stream in SUBJECTS}
        """By stream: when an event of a live camera came (monotonic), and how long after its frame was at its gateway
        (seconds); but for the ends of objects whose camera is silent, which are told when that has lasted."""
        self.told: dict[str, dt.datetime] = {}
        """By live camera: when the latest frame of which there is an event of an object was at its gateway."""
        self._url = url

    @property
    def malformed(self) -> int:
        """That it left out, as they are no events."""
        return self._ended_malformed + sum(one.malformed for one in self._reading)

    async def run(self) -> None:
        """Never returns."""
        async with background(*(self._read(stream, subject) for stream, subject in SUBJECTS.items())):
            await asyncio.Event().wait()

    async def _read(self, stream: str, subject: str) -> None:
        seen = self.seen[stream]
        while True:
            subscription, given = subscribe(self._url, subject, durable=f"chaos-{stream.lower()}"), set[str]()
            self._reading.add(subscription)
            try:
                async with subscription as events:
                    async for event in events:
                        self.doubled += event.id in given
                        given.add(event.id)
                        seen.add(event.id)
                        self._note(stream, event)
            except BusUnavailable as error:
                logger.debug("subscriber: %s", error)
            finally:
                self.superseded += subscription.superseded
                self._reading.discard(subscription)
                self._ended_malformed += subscription.malformed
            await asyncio.sleep(_AGAIN_S)

    def _note(self, stream: str, event: Event) -> None:
        if not isinstance(event.data, Detections | ObjectEvent):
            return
        camera, frame, now_s = event.data.camera, event.data.frame, monotonic()
        if isinstance(event.data, Detections):
            self.arrivals[camera].append((now_s, frame.arrived_at))
        if frame.clock == "media" or (isinstance(event.data, ObjectEnd) and event.data.reason == "silence"):
            return
        self.lags[stream].append((now_s, (dt.datetime.now(dt.UTC) - frame.arrived_at).total_seconds()))
        if isinstance(event.data, ObjectEvent):
            self.told[camera] = max(frame.arrived_at, self.told.get(camera, frame.arrived_at))

    def frames_of(self, camera: str) -> int:
        """How many detections messages came of cameras whose name begins so."""
        return sum(len(came) for name, came in self.arrivals.items() if name.startswith(camera))

    def is_fresh(self, camera: str, since: dt.datetime) -> bool:
        """Whether there are detections of a frame that its gateway got after `since`."""
        return any(arrived > since for _, arrived in reversed(self.arrivals[camera][-20:]))

    def is_told(self, camera: str, since: dt.datetime) -> bool:
        """Whether there is an event of a frame that its gateway got after `since`."""
        return camera in self.told and self.told[camera] > since

    def latest_s(self, since_s: float) -> float:
        """How late the latest of the events was that came after a monotonic moment; 0 where none came."""
        return max((lag_s for at_s, lag_s in self.lags["EVENTS"] if at_s >= since_s), default=0.0)

    def longest_gap_s(self, camera: str, since_s: float, until_s: float) -> float:
        """The longest time without detections of the camera, between two monotonic moments."""
        came = [at_s for at_s, _ in self.arrivals[camera] if since_s <= at_s <= until_s]
        edges = [since_s, *came, until_s]
        return max(later - earlier for earlier, later in pairwise(edges))
