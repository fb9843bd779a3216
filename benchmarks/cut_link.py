"""A link between sites and their hub that is cut for five minutes: once inside what a site keeps, once beyond it.

Two sites with real embedded servers, each behind a relay that is cut at the same moment: `inside` keeps detections for
fifteen minutes, `beyond` for one and a half. Both publish all the while, as inference processes and events workers do.
A subscriber at the hub listens to live detections; the hub's streams are compared with what was published.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from time import monotonic, time
from typing import Any

from nats.aio.msg import Msg

from benchmarks.results import Result
from tests.vedette.site.places_of_work import Edge, Place, hub_config, keeping, running_hub, running_site
from vedette.bus.address import STATE_VARIABLE
from vedette.bus.connection import Bus
from vedette.site.hub_keeper import HubKeeper
from vedette.site.site_listing import read_sites
from vedette.streams import DETECTIONS, EVENTS

CUT_S, QUICK_CUT_S = 300.0, 20.0
_CAMERAS, _FPS, _PADDING = 20, 5, 1900
_SHORT_SHARE, _LONG_SHARE = 0.3, 3.0
"""Of the cut: for how long the two sites keep detections."""
_AFTER_S = 20.0


def run(quick: bool) -> Result:
    """Cut, wait, mend, compare."""
    cut_s = QUICK_CUT_S if quick else CUT_S
    with tempfile.TemporaryDirectory() as folder:
        os.environ[STATE_VARIABLE] = str(Path(folder) / "state")
        figures = asyncio.run(_measure(Path(folder), cut_s))
    return Result(
        "cut_link",
        f"Two sites, {_CAMERAS * _FPS} detections a second each, cut off from their hub for {cut_s:g} s. "
        "One keeps detections for three times as long, one for three tenths of it; gaps are what the hub reported.",
        figures,
        at_most={
            "inside: missing at the hub": 0,
            "inside: doubled or out of order": 0,
            "beyond: doubled or out of order": 0,
            "beyond: missing and not reported": 0,
            "beyond: disk of the site over its bound": 0,
            "inside: seconds until the hub had all": 30,
            "inside: live detections while the backlog drains, p95 ms": 500,
        },
        at_least={"beyond: reported as lost": 1},
    )


class _Site:
    """A site at work."""

    def __init__(self, name: str, edge: Edge, worker: Bus, events_worker: Bus) -> None:
        self.name = name
        self.edge = edge
        self.published: dict[str, list[int]] = {DETECTIONS: [], EVENTS: []}
        self.most_disk = 0
        self._buses = {DETECTIONS: worker, EVENTS: events_worker}

    async def work(self) -> None:
        """Until cancelled: one detections message a camera's frame, and an event for every tenth."""
        began_s, number = monotonic(), 0
        while True:
            await self._publish(DETECTIONS, "detections", "people", number)
            if number % 10 == 0:
                await self._publish(EVENTS, "events", "object.update", number)
            number += 1
            await asyncio.sleep(max(0.0, began_s + number / (_CAMERAS * _FPS) - monotonic()))

    async def _publish(self, stream: str, noun: str, last: str, number: int) -> None:
        payload = json.dumps({"number": number, "at": time()}).ljust(_PADDING).encode()
        subject = f"vedette.{noun}.{self.name}.camera-{number % _CAMERAS}.{last}"
        self.published[stream].append(number)
        await self._buses[stream].publish_confirmed(subject, payload, {}, f"{self.name}/{noun}/{number}")

    async def watch_disk(self) -> None:
        """How large its store becomes at most."""
        while True:
            self.most_disk = max(self.most_disk, await asyncio.to_thread(_disk, self.edge))
            await asyncio.sleep(1)


class _Listener:
    """Ages of live detections at the hub."""

    def __init__(self) -> None:
        self.ages_ms: list[float] = []

    async def hear(self, message: Msg) -> None:
        self.ages_ms.append((time() - json.loads(message.data)["at"]) * 1000)


async def _measure(folder: Path, cut_s: float) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub(hub_config(sites=["inside", "beyond"])))
        sites = [
            await _site(stack, folder, hub, "inside", cut_s * _LONG_SHARE),
            await _site(stack, folder, hub, "beyond", cut_s * _SHORT_SHARE),
        ]
        bus = await stack.enter_async_context(await hub.connect("operator"))
        subscriber = await stack.enter_async_context(await hub.connect("subscriber"))
        keeper = await stack.enter_async_context(keeping(bus, "inside", "beyond"))
        listener = _Listener()
        await subscriber.client.subscribe("vedette.detections.inside.>", cb=listener.hear)
        return await _cut(sites, bus, keeper, listener, cut_s)


async def _site(stack: AsyncExitStack, folder: Path, hub: Place, name: str, keeps_s: float) -> _Site:
    retention = {"detections_h": keeps_s / 3600, "detections_gib": 0.25}
    edge = await stack.enter_async_context(running_site(folder, name, hub, retention))
    worker = await stack.enter_async_context(await edge.connect("inference"))
    return _Site(name, edge, worker, await stack.enter_async_context(await edge.connect("events")))


async def _cut(sites: list[_Site], bus: Bus, keeper: HubKeeper, listener: _Listener, cut_s: float) -> dict[str, Any]:
    inside = sites[0]
    tasks = [asyncio.create_task(one) for site in sites for one in (site.work(), site.watch_disk())]
    await _until_links(keeper, "up")
    await asyncio.sleep(_AFTER_S)
    before_ms, listener.ages_ms = listener.ages_ms, []
    await asyncio.gather(*(site.edge.link.cut() for site in sites))
    await asyncio.sleep(cut_s)
    listener.ages_ms = []
    behind = len(inside.published[DETECTIONS]) - await _stored(bus, DETECTIONS, "inside")
    mended_s = monotonic()
    await asyncio.gather(*(site.edge.link.mend() for site in sites))
    drained_s = await _drained(bus, inside, mended_s)
    during_ms, listener.ages_ms = listener.ages_ms, []
    await asyncio.sleep(_AFTER_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(_AFTER_S)
    told = {site["site"]: site["streams"] for site in await read_sites(bus)}
    figures: dict[str, Any] = {
        "seconds cut": cut_s,
        "inside: backlog, messages": behind,
        "inside: seconds until the hub had all": round(drained_s, 1),
        "live detections before, p50 ms": _share(before_ms, 0.5),
        "inside: live detections while the backlog drains, p50 ms": _share(during_ms, 0.5),
        "inside: live detections while the backlog drains, p95 ms": _share(during_ms, 0.95),
    }
    for site in sites:
        figures |= await _compared(bus, site, told[site.name])
    return figures


async def _compared(bus: Bus, site: _Site, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the hub has of a site, and what it says of the rest."""
    missing = disorder = lost = 0
    for stream in (DETECTIONS, EVENTS):
        found = await _numbers(bus, stream, site.name)
        missing += len(set(site.published[stream]) - set(found))
        disorder += sum(second <= first for first, second in pairwise(found))
        lost += told[stream]["lost"]
    bound = sum(site.edge.config.retention.model_dump()[key] for key in ("detections_gib", "events_gib")) * 2**30
    return {
        f"{site.name}: published": sum(map(len, site.published.values())),
        f"{site.name}: missing at the hub": missing,
        f"{site.name}: doubled or out of order": disorder,
        f"{site.name}: reported as lost": lost,
        f"{site.name}: missing and not reported": abs(missing - lost),
        f"{site.name}: largest store of the site, MiB": round(site.most_disk / 2**20, 1),
        f"{site.name}: disk of the site over its bound": max(0, round((site.most_disk - bound) / 2**20)),
    }


async def _drained(bus: Bus, site: _Site, since_s: float) -> float:
    """Seconds until the hub had all that was published a moment before it was asked."""
    while True:
        published = len(site.published[DETECTIONS])
        if await _stored(bus, DETECTIONS, site.name) >= published - 1:
            return monotonic() - since_s
        await asyncio.sleep(0.05)


async def _stored(bus: Bus, stream: str, site: str) -> int:
    noun = "detections" if stream == DETECTIONS else "events"
    info = await bus.jetstream.stream_info(stream, subjects_filter=f"vedette.{noun}.{site}.>")
    return sum((info.state.subjects or {}).values())


async def _numbers(bus: Bus, stream: str, site: str) -> list[int]:
    noun = "detections" if stream == DETECTIONS else "events"
    left = await _stored(bus, stream, site)
    reader = await bus.jetstream.subscribe(f"vedette.{noun}.{site}.>", stream=stream, ordered_consumer=True)
    found = [json.loads((await reader.next_msg(timeout=30)).data)["number"] for _ in range(left)]
    await reader.unsubscribe()
    return found


async def _until_links(keeper: HubKeeper, word: str) -> None:
    while set(keeper.links.values()) != {word}:
        await asyncio.sleep(0.1)


def _disk(edge: Edge) -> int:
    """Bytes of the streams DETECTIONS and EVENTS on the site's disk."""
    total = 0
    for stream in (DETECTIONS, EVENTS):
        for path in edge.server.folder.glob(f"jetstream/**/streams/{stream}/**/*"):
            try:
                total += path.stat().st_blocks * 512
            except OSError:  # it has just been replaced
                continue
    return total


def _share(values: list[float], share: float) -> float | None:
    return round(sorted(values)[int(share * (len(values) - 1))], 1) if values else None
