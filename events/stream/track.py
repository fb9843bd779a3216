"""The stream `TRACK`: made where it is missing, and how far back it reaches.

It lies in memory and dies with a lone server. Whoever makes it anew lets it begin a minute back: what a worker needs
from before that is read from `DETECTIONS`.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from nats.js.errors import APIError, NotFoundError

from vedette.bus.connection import Bus, describe
from vedette.errors import BusMisfit, BusUnavailable, MalformedMessage
from vedette.streams import DETECTIONS, TRACK, TRACK_MAX_AGE_S, track_stream
from vedette.subjects import track_filter

_EXISTS = (10058, 10047, 10028)
"""With another beginning (10058); or on a server without room for it twice."""
_NO_MESSAGE = 10037
_SOURCE = "Nats-Stream-Source"
_TIMEOUT_S = 2.0
_INFO_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reach:
    """What `TRACK` holds, as sequences of `DETECTIONS`; None where it holds nothing."""

    first: int | None
    last: int | None
    last_of_partition: int | None
    """Asked for after `last`: what of the partition is up to `last` is up to this too."""


async def ensure_track(bus: Bus) -> None:
    """Make the stream, or leave the one that is there with settings like these.

    Raises:
        BusUnavailable: the server doesn't answer.
        BusMisfit: the server has no room for it.
    """
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=TRACK_MAX_AGE_S)
    wanted = track_stream(bus.address.retention, bus.address.replicas, since)
    try:
        try:
            await bus.jetstream.add_stream(wanted)
        except APIError as error:
            if error.err_code not in _EXISTS:
                raise
            there = (await bus.jetstream.stream_info(TRACK)).config
            if (there.max_bytes, there.num_replicas) != (wanted.max_bytes, wanted.num_replicas):
                await bus.jetstream.update_stream(wanted.evolve(sources=there.sources))
    except APIError as error:
        kind = BusUnavailable if isinstance(error, NotFoundError) else BusMisfit
        raise kind(f"stream {TRACK}: {describe(error)}") from error
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"stream {TRACK}: {describe(error)}") from error


async def reach(bus: Bus, partition: int) -> Reach:
    """From where to where `TRACK` goes now, read from its store: a consumer's own counts lag behind that.

    Raises:
        BusUnavailable: the server doesn't answer, or has no such stream.
    """
    first = await _origin_of(bus, {"seq": 1, "next_by_subj": "vedette.track.>"})
    last = await _origin_of(bus, {"last_by_subj": "vedette.track.>"})
    return Reach(first, last, await _origin_of(bus, {"last_by_subj": track_filter(partition)}))


async def where(bus: Bus, position: int) -> int:
    """The sequence in `TRACK` of the detections at `position`, or one before it; 0 where that isn't known.

    `TRACK` has all of `DETECTIONS` from somewhere on, so the sequences of both differ by one number; where messages
    were deleted from `DETECTIONS` they don't, and so the message that is found is looked at.

    Raises:
        BusUnavailable: the server doesn't answer, or has no such stream.
    """
    first = await _ask(bus, {"seq": 1, "next_by_subj": "vedette.track.>"})
    if first is None or position <= first.origin:
        return 0
    guess = first.sequence + position - first.origin
    found = await _ask(bus, {"seq": guess})
    return guess if found is not None and found.origin <= position else 0


async def last_of(bus: Bus, stream: str) -> int:
    """Sequence of the latest message of a stream.

    Raises:
        BusUnavailable: the server doesn't answer, or has no such stream.
    """
    try:
        answer = await bus.client.request(f"$JS.API.STREAM.INFO.{stream}", timeout=_INFO_TIMEOUT_S)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {describe(error)}") from error
    said = json.loads(answer.data)  # the library reads all of the stream's settings, ten times as long
    if "error" in said:
        raise BusUnavailable(f"{stream}: {said['error'].get('description', 'refused')}")
    return int(said["state"]["last_seq"])


@dataclass(frozen=True, slots=True)
class Latest:
    """A stream's latest message with some subject."""

    sequence: int
    """0: there is none."""
    message_id: str | None = None


async def last_of_subject(bus: Bus, stream: str, subject: str) -> Latest:
    """The latest message whose subject matches.

    Raises:
        BusUnavailable: the server doesn't answer, or has no such stream.
    """
    try:
        found = await bus.jetstream.get_last_msg(stream, subject)
    except NotFoundError as error:
        if error.err_code == _NO_MESSAGE:
            return Latest(0)
        raise BusUnavailable(f"{stream}: {describe(error)}") from error
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{stream}: {describe(error)}") from error
    return Latest(found.seq or 0, (found.headers or {}).get(Header.MSG_ID.value))


async def last_minute(bus: Bus) -> int:
    """The position before the first detections of the last minute: there a partition begins that nobody ever had.

    Raises:
        BusUnavailable: the server doesn't answer, or has no such stream.
    """
    last = await last_of(bus, DETECTIONS)
    consumer = ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_TIME,
        opt_start_time=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=TRACK_MAX_AGE_S),
        mem_storage=True,
        inactive_threshold=1.0,
    )
    try:
        info = await bus.jetstream.add_consumer(DETECTIONS, consumer)
        await bus.jetstream.delete_consumer(DETECTIONS, info.name)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{DETECTIONS}: {describe(error)}") from error
    return max(0, last - (info.num_pending or 0))


def origin(headers: Mapping[str, str] | None) -> int:
    """The sequence in `DETECTIONS` of a message of `TRACK`.

    Raises:
        MalformedMessage: it doesn't come from there.
    """
    words = (headers or {}).get(_SOURCE, "").split(" ")
    if len(words) < 2 or not words[1].isdigit():
        raise MalformedMessage(f"{_SOURCE} is {' '.join(words)!r}")
    return int(words[1])


@dataclass(frozen=True, slots=True)
class _Found:
    sequence: int
    """In `TRACK`."""
    origin: int
    """In `DETECTIONS`."""


async def _origin_of(bus: Bus, question: Mapping[str, object]) -> int | None:
    found = await _ask(bus, question)
    return None if found is None else found.origin


async def _ask(bus: Bus, question: Mapping[str, object]) -> _Found | None:
    try:
        answer = await bus.client.request(
            f"$JS.API.DIRECT.GET.{TRACK}", json.dumps(question).encode(), timeout=_TIMEOUT_S
        )
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{TRACK}: {describe(error)}") from error
    headers = answer.headers or {}
    if headers.get(Header.STATUS.value) == "404":
        return None
    return _Found(int(headers.get("Nats-Sequence", 0)), origin(headers))
