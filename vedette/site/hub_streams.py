"""The hub's streams and the sites that they source: which there are, how each is, and how that is changed.

The streams themselves are made as everywhere (`vedette/bus/stream_setup.py`), which leaves their sources alone: those
are `vedette hub`'s. Settings are handed back as the server gave them, with whatever this program doesn't know of them.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nats.errors import Error as NatsError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusMisfit, BusUnavailable
from vedette.site.leaf_user import api_of, deliver_to

_ANSWER_WITHIN_S = 5.0
_STREAM_MISSING = 10059


@dataclass(frozen=True, slots=True)
class SourceState:
    """How the hub's stream stands to one site's."""

    lag: int
    """Messages that the site had, and the hub had not, when it last heard of them."""
    silent_s: float | None
    """Since it last heard from the site's server, which says something every second; None: never."""


@dataclass(frozen=True, slots=True)
class HubStream:
    """A stream of the hub, as it is now."""

    first: int
    last: int
    sources: Mapping[str, SourceState]
    """By site."""


async def read_stream(bus: Bus, stream: str) -> HubStream:
    """What the hub's server says of its stream.

    Raises:
        BusUnavailable: no answer, or no such stream (yet).
    """
    info = await _ask(bus, f"$JS.API.STREAM.INFO.{stream}", None)
    told = [(site, one) for one in info.get("sources") or () if (site := _site_of(one)) is not None]
    states = {site: SourceState(int(one.get("lag", 0)), _silence_s(one.get("active", -1))) for site, one in told}
    return HubStream(int(info["state"]["first_seq"]), int(info["state"]["last_seq"]), states)


async def source_sites(bus: Bus, stream: str, sites: Iterable[str], lock: asyncio.Lock) -> bool:
    """Make `sites` the sites that `stream` sources, others no more; returns whether that changed anything.

    Raises:
        BusUnavailable: no answer, or no such stream (yet).
        BusMisfit: the server refuses it.
    """
    async with lock:
        config = await _config(bus, stream)
        before = config.get("sources") or []
        wanted = sorted(set(sites))
        if sorted(filter(None, map(_site_of, before))) == wanted:
            return False
        own = [source for source in before if _site_of(source) is None]
        await _update(bus, config, [*own, *(_source(stream, site) for site in wanted)])
        return True


async def source_anew(bus: Bus, stream: str, site: str, lock: asyncio.Lock) -> None:
    """Leave `site` out, and add it again: the server asks it at once, rather than up to 40 s after the link is back
    (it waits for 30 s for the answer to a question that went into the cut, nats-server 2.15.1).

    It goes on behind the last message that it has of the site.

    Raises:
        BusUnavailable, BusMisfit: as above. It may be left out then; `source_sites` adds it again.
    """
    async with lock:
        config = await _config(bus, stream)
        sources = config.get("sources") or []
        others = [source for source in sources if _site_of(source) != site]
        if len(others) < len(sources):
            await _update(bus, config, others)
            await _update(bus, config, [*others, _source(stream, site)])


def _source(stream: str, site: str) -> dict[str, Any]:
    return {"name": stream, "external": {"api": api_of(site), "deliver": deliver_to(site)}}


def _site_of(source: Mapping[str, Any]) -> str | None:
    prefix: str = (source.get("external") or {}).get("deliver") or ""
    head, _, site = prefix.partition(".")
    return site if head == "deliver" and site else None


def _silence_s(active_ns: int) -> float | None:
    return None if active_ns < 0 else active_ns / 1e9


async def _config(bus: Bus, stream: str) -> dict[str, Any]:
    config: dict[str, Any] = (await _ask(bus, f"$JS.API.STREAM.INFO.{stream}", None))["config"]
    return config


async def _update(bus: Bus, config: Mapping[str, Any], sources: list[Any]) -> None:
    await _ask(bus, f"$JS.API.STREAM.UPDATE.{config['name']}", {**config, "sources": sources})


async def _ask(bus: Bus, subject: str, question: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        payload = b"" if question is None else json.dumps(question).encode()
        message = await bus.client.request(subject, payload, timeout=_ANSWER_WITHIN_S)
        answer: dict[str, Any] = json.loads(message.data)
    except (NatsError, TimeoutError, ValueError) as error:
        raise BusUnavailable(f"{subject}: {describe(error)}") from error
    error_said = answer.get("error")
    if error_said is None:
        return answer
    text = f"{subject}: {error_said.get('description', 'refused')}"
    if question is None or error_said.get("err_code") == _STREAM_MISSING:
        raise BusUnavailable(text)
    raise BusMisfit(text)
