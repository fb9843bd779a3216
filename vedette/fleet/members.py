"""Live members: each process says every 0.5 s, in a KV bucket with a TTL, what it is and where it answers."""

import asyncio
import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields

from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError, NoKeysError
from nats.js.kv import KeyValue

from vedette.buckets import MEMBERS
from vedette.bus.connection import Bus, describe
from vedette.errors import BusUnavailable

logger = logging.getLogger(__name__)

_HEARTBEAT_S = 0.5
_KEYS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Member:
    """One live process."""

    name: str
    """`gateway-1f3a9c`: its kind, and a random part that is new at each start."""
    kind: str
    site: str
    http: str
    """host:port of its health and metrics."""
    pid: int
    serves: str = ""
    """What it does of its kind: an inference process' model."""
    ready: bool = False
    detail: Mapping[str, object] = field(default_factory=dict)
    """How it is, in words of its kind."""


def new_member(kind: str, site: str, http: str, serves: str = "") -> Member:
    """This process as a member."""
    return Member(f"{kind}-{secrets.token_hex(3)}", kind, site, http, os.getpid(), serves)


def _nothing() -> Mapping[str, object]:
    return {}


async def announce(
    bus: Bus,
    member: Member,
    detail: Callable[[], Mapping[str, object]] = _nothing,
    at_once: asyncio.Event | None = None,
) -> None:
    """Say that `member` is alive and ready, and `detail()`, until cancelled; and whenever `at_once` is set."""
    at_once = at_once or asyncio.Event()
    key = f"{member.site}.{member.name}"
    try:
        while True:
            at_once.clear()
            payload = json.dumps(asdict(member) | {"ready": True, "detail": detail()}).encode()
            try:
                await (await bus.bucket(MEMBERS)).put(key, payload)
            except (NatsError, TimeoutError) as error:
                logger.debug("heartbeat: %s", describe(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_S):
                    await at_once.wait()
    finally:
        await _leave(bus, key)


async def _leave(bus: Bus, key: str) -> None:
    try:
        await (await bus.bucket(MEMBERS)).delete(key)
    except (NatsError, TimeoutError) as error:
        logger.debug("leaving: %s", describe(error))


async def live_members(bus: Bus, site: str | None) -> list[Member]:
    """The members of a site, or of all (None), that are alive now, by name.

    Raises:
        BusUnavailable: the server doesn't answer.
    """
    try:
        bucket = await bus.bucket(MEMBERS)
        async with asyncio.timeout(_KEYS_WITHIN_S):  # the library may wait for ever (nats-py 2.16)
            everybody = await bucket.keys()
        keys = [key for key in everybody if site is None or key.startswith(f"{site}.")]
        found = [await _member(bucket, key) for key in keys]
    except NoKeysError:
        return []
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"members: {describe(error)}") from error
    return sorted(filter(None, found), key=lambda member: member.name)


async def _member(bucket: KeyValue, key: str) -> Member | None:
    """None where it has just left, or can't be read."""
    try:
        entry = await bucket.get(key)
    except KeyNotFoundError:
        return None
    return parse_member(entry.value or b"")


def parse_member(heartbeat: bytes) -> Member | None:
    """What a heartbeat says; None where it is of a version that says other things."""
    try:
        said = json.loads(heartbeat)
        return Member(**{field.name: said[field.name] for field in fields(Member) if field.name in said})
    except (TypeError, ValueError):
        return None
