"""`vedette site list`: how the hub stands to each site."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from vedette.bus.connection import Bus
from vedette.site.edge_stream import held_by
from vedette.site.hub_messages import latest
from vedette.site.hub_streams import HubStream, read_stream
from vedette.site.leaf_user import SOURCED
from vedette.site.site_record import StreamRecord, read_record
from vedette.site.site_watch import SILENT_S

_HEADINGS = ("SITE", "LINK", "STREAM", "SOURCE", "BEHIND", "LATEST", "LOST", "LAST GAP")


async def read_sites(bus: Bus) -> list[dict[str, Any]]:
    """A site a dictionary: `site`, `link` (up or down) and `streams`, by name: `source` (active, silent), `behind`
    (messages; None: not known, the link is down), `latest` (when the hub stored one), `lost`, `gaps`, `last_gap`.

    Raises:
        BusUnavailable: the hub's server doesn't answer.
    """
    hub = {stream: await read_stream(bus, stream) for stream in SOURCED}
    sites = sorted({site for one in hub.values() for site in one.sources})
    return [await _site(bus, site, hub) for site in sites]


async def _site(bus: Bus, site: str, hub: Mapping[str, HubStream]) -> dict[str, Any]:
    record = await read_record(bus, site)
    streams = {stream: await _stream(bus, site, stream, hub[stream], record.streams.get(stream)) for stream in SOURCED}
    up = any(one["behind"] is not None for one in streams.values())
    return {"site": site, "link": "up" if up else "down", "streams": streams}


async def _stream(bus: Bus, site: str, stream: str, hub: HubStream, record: StreamRecord | None) -> dict[str, Any]:
    here, held = await latest(bus, stream, site), await held_by(bus, site, stream)
    source = hub.sources.get(site)
    active = source is not None and source.silent_s is not None and source.silent_s <= SILENT_S
    reached = here.place.at_site if here else record.at_site if record else 0
    return {
        "source": "active" if active else "silent",
        "behind": None if held is None else max(0, held.last - reached),
        "latest": _iso(here.stored if here else None),
        "lost": record.lost if record else 0,
        "gaps": record.gaps if record else 0,
        "renewals": record.renewals if record else 0,
        "last_gap": _iso(record.last_gap if record else None),
    }


def table(sites: Sequence[Mapping[str, Any]]) -> str:
    """For people."""
    if not sites:
        return "no sites: hub.sites of the configuration names them, and `vedette hub` takes them in\n"
    rows = [_HEADINGS, *(_row(site, stream) for site in sites for stream in site["streams"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


def _row(site: Mapping[str, Any], stream: str) -> tuple[str, ...]:
    one = site["streams"][stream]
    behind = "?" if one["behind"] is None else str(one["behind"])
    lost = f"{one['lost']} in {one['gaps']}" if one["gaps"] else "0"
    lost += f", made anew {one['renewals']}x" if one["renewals"] else ""
    return (
        site["site"],
        site["link"],
        stream,
        one["source"],
        behind,
        one["latest"] or "-",
        lost,
        one["last_gap"] or "-",
    )


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
