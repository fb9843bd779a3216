"""Looks again and again, and shows what it sees: in a terminal, as lines, or as JSON."""

import asyncio
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import aiohttp
from rich.console import Console, Group
from rich.live import Live

from vedette.errors import VedetteError
from vedette.secrets.secret import SecretText
from vedette.top.differences import Window
from vedette.top.look import Look, Process, look, process
from vedette.top.processes import Place
from vedette.top.scrape import NoMetrics, Scrape, scrape
from vedette.top.tables import tables

_PIPED_WIDTH = 200


class Finder(Protocol):
    """Says which processes there are."""

    notice: str | None
    """What is wrong with that."""

    async def find(self) -> Sequence[Place]: ...


class NobodyAnswers(VedetteError):
    """No process of the site gave its metrics."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look, and what is to be said of it."""

    look: Look
    notices: Sequence[str]
    at: dt.datetime


class Watch:
    """Scrapes all processes and compares each with its last time."""

    def __init__(self, finder: Finder, session: aiohttp.ClientSession, token: SecretText | None = None) -> None:
        self._finder = finder
        self._session = session
        self._token = token
        self._last: dict[str, Scrape] = {}

    async def look(self) -> Seen:
        """Everything as it is now; rates are those since the last look."""
        places = await self._finder.find()
        said = await asyncio.gather(*(self._scrape(place) for place in places))
        windows, processes = [], []
        for place, now in zip(places, said, strict=True):
            address = place.url.partition("://")[2].partition("/")[0]
            if isinstance(now, NoMetrics):
                processes.append(Process(place.name, address, None, None, str(now)))
                continue
            window = Window.between(self._last.get(place.key), now)
            windows.append(window)
            processes += process(place.name, address, window)
        self._last = {place.key: now for place, now in zip(places, said, strict=True) if not isinstance(now, NoMetrics)}
        notices = [self._finder.notice] if self._finder.notice else []
        if not places:
            notices.append("no process is there")
        return Seen(look(windows, processes), notices, dt.datetime.now(dt.UTC))

    @property
    def answered(self) -> bool:
        """Whether any process did at the last look."""
        return bool(self._last)

    async def _scrape(self, place: Place) -> Scrape | NoMetrics:
        try:
            return await scrape(self._session, place.url, self._token)
        except NoMetrics as error:
            return error


async def once(watch: Watch, interval_s: float, title: str, sort: str, as_json: bool) -> None:
    """One look at what happens within `interval_s`, written to stdout.

    Raises NobodyAnswers.
    """
    await watch.look()
    await asyncio.sleep(interval_s)
    seen = await watch.look()
    if not watch.answered:
        away = [f"{one.name} ({one.address}): {one.away}" for one in seen.look.processes if one.away]
        raise NobodyAnswers("; ".join([*seen.notices, *away]))
    await asyncio.to_thread(_write, seen, interval_s, title, sort, as_json)


async def again_and_again(watch: Watch, interval_s: float, title: str, sort: str, as_json: bool) -> None:
    """Until cancelled: in place where stdout is a terminal, else one look after the other."""
    if as_json or not sys.stdout.isatty():
        await watch.look()
        while True:
            await asyncio.sleep(interval_s)
            await asyncio.to_thread(_write, await watch.look(), interval_s, title, sort, as_json)
    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            seen = await watch.look()
            live.update(_drawn(seen, interval_s, title, sort, console.width, console.height), refresh=True)
            await asyncio.sleep(interval_s)


def _drawn(seen: Seen, interval_s: float, title: str, sort: str, width: int, height: int | None) -> Group:
    head = f"{title}  {seen.at.astimezone():%H:%M:%S}  over {interval_s:g} s"
    return tables(seen.look, head, seen.notices, sort, width, height)


def _write(seen: Seen, interval_s: float, title: str, sort: str, as_json: bool) -> None:
    if as_json:
        said = {"time": seen.at.isoformat(), "interval_s": interval_s, "notices": seen.notices, **asdict(seen.look)}
        sys.stdout.write(json.dumps(said) + "\n")
    else:
        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        console = Console(width=width, highlight=False)
        console.print(_drawn(seen, interval_s, title, sort, console.width, None))
        console.print()
    sys.stdout.flush()
