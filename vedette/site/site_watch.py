"""One site at the hub: whether its link is up, its sources run, and what of it is lost for good."""

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping
from time import monotonic

from vedette.bus.connection import Bus
from vedette.site import metrics
from vedette.site.edge_stream import held_by
from vedette.site.hub_messages import Latest, latest, stored_between
from vedette.site.hub_streams import HubStream, SourceState, source_anew
from vedette.site.leaf_user import SOURCED
from vedette.site.places import Held, Place, begin, complete, lost_behind, lost_between
from vedette.site.site_record import SiteRecord, StreamRecord, read_record, write_record

logger = logging.getLogger(__name__)

SILENT_S = 3.0
"""A source that runs is heard of every second, with or without messages."""
_ANEW_AGAIN_S = 10.0
_SETTLED_S = 5.0
_SAVE_EVERY_S = 10.0


class SiteWatch:
    """`look` again and again. It knows where it was over restarts, from the KV bucket."""

    def __init__(self, bus: Bus, site: str, changing: asyncio.Lock) -> None:
        """`changing` is held while the hub's streams are changed."""
        self.site = site
        self.up: bool | None = None
        """None: not known yet."""
        self._bus = bus
        self._changing = changing
        self._streams: dict[str, StreamRecord] | None = None
        self._saved: dict[str, StreamRecord] = {}
        self._save_at_s = 0.0
        self._anew_at_s: dict[str, float] = {}
        self._empty_since_s: dict[str, float] = {}

    async def look(self, hub: Mapping[str, HubStream]) -> None:
        """Once, knowing how the hub's streams were a moment ago.

        Raises:
            BusUnavailable, BusMisfit: the hub's server doesn't answer, or refuses.
        """
        if self._streams is None:
            self._saved = dict((await read_record(self._bus, self.site)).streams)
            self._streams = dict(self._saved)
        answers = [await self._look(stream, hub[stream], self._streams) for stream in SOURCED]
        self._say(any(answers))
        await self._save(self._streams)

    async def _look(self, stream: str, hub: HubStream, records: dict[str, StreamRecord]) -> bool:
        """Whether the site answered."""
        here = await latest(self._bus, stream, self.site)
        held = await held_by(self._bus, self.site, stream)
        if here is not None:
            metrics.LATEST.labels(self.site, stream).set(here.stored.timestamp())
        if held is None:
            self._anew_at_s[stream] = 0.0  # at once when it is back
            return False
        metrics.LAG.labels(self.site, stream).set(max(0, held.last - (here.place.at_site if here else 0)))
        source = hub.sources.get(self.site)
        if source is not None and (source.silent_s is None or source.silent_s > SILENT_S):
            await self._source_anew(stream)
        records[stream] = await self._account(stream, hub, here, held, source, records.get(stream))
        return True

    async def _source_anew(self, stream: str) -> None:
        if monotonic() < self._anew_at_s.setdefault(stream, monotonic() + SILENT_S):  # it may just have begun
            return
        self._anew_at_s[stream] = monotonic() + _ANEW_AGAIN_S
        await source_anew(self._bus, stream, self.site, self._changing)
        metrics.RECONNECTS.labels(self.site).inc()

    async def _account(
        self,
        stream: str,
        hub: HubStream,
        here: Latest | None,
        held: Held,
        source: SourceState | None,
        record: StreamRecord | None,
    ) -> StreamRecord:
        place = here.place if here else None
        if record is None:
            return _fresh(begin(place, held), held)
        if record.created != held.created:
            return self._renewed(stream, record, place, held)
        if max(hub.last, place.at_hub if place else 0) < record.at_hub:  # the hub's own store has begun anew
            return record.up_to(begin(place, held))
        if place is None or place.at_hub <= record.at_hub:
            return self._behind(stream, record, held, source)
        self._empty_since_s.pop(stream, None)
        if complete(record.proven, held):
            return record.up_to(place)
        if hub.first > record.at_hub + 1:
            logger.warning("site %s: %s of the hub has discarded too much to say what is missing", self.site, stream)
            return record.up_to(place)
        stored = await stored_between(self._bus, stream, self.site, record.at_hub, place.at_hub)
        return self._lost(stream, record, lost_between(record.proven, place, stored)).up_to(place)

    def _behind(self, stream: str, record: StreamRecord, held: Held, source: SourceState | None) -> StreamRecord:
        """Nothing new is here, and maybe nothing more can come: what is sourced, and was asked for, would have."""
        lost = lost_behind(record.proven, held)
        heard = source is not None and source.silent_s is not None and source.silent_s <= SILENT_S
        if not (lost and heard):
            self._empty_since_s.pop(stream, None)
            return record
        if monotonic() - self._empty_since_s.setdefault(stream, monotonic()) < _SETTLED_S:
            return record
        return self._lost(stream, record, lost).up_to(Place(held.last, record.at_hub))

    def _renewed(self, stream: str, record: StreamRecord, place: Place | None, held: Held) -> StreamRecord:
        metrics.RENEWED.labels(self.site, stream).inc()
        logger.error(
            "site %s: its %s was made anew at %s; what had not come before is lost", self.site, stream, held.created
        )
        fresh = _fresh(Place(max(0, held.first - 1), place.at_hub if place else 0), held)
        kept = {"lost": record.lost, "gaps": record.gaps, "renewals": record.renewals + 1, "last_gap": _now()}
        return fresh.model_copy(update=kept)

    def _lost(self, stream: str, record: StreamRecord, lost: int) -> StreamRecord:
        if lost == 0:
            return record
        metrics.LOST.labels(self.site, stream).inc(lost)
        logger.error(
            "site %s: a gap of %s messages in %s after its number %s: its server had discarded them before they came",
            self.site,
            lost,
            stream,
            record.at_site,
        )
        self._save_at_s = 0.0
        return record.with_gap(lost, _now())

    def _say(self, up: bool) -> None:
        metrics.UP.labels(self.site).set(up)
        if up != self.up:
            (logger.info if up else logger.warning)("site %s: its link is %s", self.site, "up" if up else "down")
        self.up = up

    async def _save(self, records: dict[str, StreamRecord]) -> None:
        if records != self._saved and monotonic() >= self._save_at_s:
            await write_record(self._bus, self.site, SiteRecord(streams=records))
            self._saved, self._save_at_s = dict(records), monotonic() + _SAVE_EVERY_S


def _fresh(place: Place, held: Held) -> StreamRecord:
    return StreamRecord(created=held.created, at_site=place.at_site, at_hub=place.at_hub)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
