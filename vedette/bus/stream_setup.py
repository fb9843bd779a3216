"""Makes streams, buckets and consumers as the modules of these names have them. Idempotent; many processes at once."""

import logging
from time import time

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from vedette.buckets import LEASES, buckets
from vedette.bus.address import BusAddress
from vedette.errors import BusMisfit, BusUnavailable
from vedette.streams import streams

logger = logging.getLogger(__name__)

_MAY_EXIST = (10028, 10047, 10058)
"""Error codes of adding a stream that is there: with other settings (10058), or with the same ones on a server whose
storage or memory has no room for it twice (10047, 10028: nats-server 2.15.1 looks at its limits first)."""
_NEVER = (10028, 10047, 10052)
"""Over the server's limits, or a setting that can't be changed."""


async def ensure_streams(jetstream: JetStreamContext, address: BusAddress, changes: bool = True) -> None:
    """Create the streams, or update the ones whose settings changed; where `changes` is False, leave those.

    Raises:
        BusMisfit: one exists with settings that can't be changed (retention, storage), or over the server's limits.
        BusUnavailable: the server doesn't answer.
    """
    for stream in streams(address.retention, address.replicas, address.local_sites):
        await _ensure_stream(jetstream, stream, changes)


async def ensure_buckets(jetstream: JetStreamContext, replicas: int, changes: bool = True) -> None:
    """Create the KV buckets, or update the ones whose settings changed.

    The revisions of a new lease bucket begin at the Unix time in milliseconds: a server that comes back with an empty
    store makes later epochs than before it all the same, however many renewals there were (a thousand a second).

    Raises:
        BusMisfit: one exists with settings that can't be changed.
        BusUnavailable: the server doesn't answer.
    """
    for bucket in buckets(replicas):
        begins_now = bucket.name == f"KV_{LEASES}"
        wanted = bucket.evolve(first_seq=int(time() * 1000)) if begins_now else bucket
        await _ensure_stream(jetstream, wanted, changes)


async def _ensure_stream(jetstream: JetStreamContext, stream: StreamConfig, changes: bool) -> None:
    try:
        try:
            await jetstream.add_stream(stream)
        except APIError as error:
            if error.err_code not in _MAY_EXIST:
                raise
            if changes:
                await _update_stream(jetstream, stream, error)
            else:
                await _leave(jetstream, stream, error)
    except APIError as error:
        never = isinstance(error, BadRequestError) or error.err_code in _NEVER
        kind = BusMisfit if never else BusUnavailable
        raise kind(f"stream {stream.name}: {error.description or error}") from error
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"stream {stream.name}: {error!s}") from error


async def _leave(jetstream: JetStreamContext, stream: StreamConfig, why: APIError) -> None:
    """Let it be as it is, if it is there: others may change it."""
    try:
        await jetstream.stream_info(str(stream.name))
    except NotFoundError:
        raise why from None
    logger.debug("stream %s: %s; events workers and operators change it", stream.name, why.description)


async def _update_stream(jetstream: JetStreamContext, stream: StreamConfig, why: APIError) -> None:
    try:
        there = (await jetstream.stream_info(str(stream.name))).config
        if stream.first_seq is not None:  # of its creation, kept
            stream = stream.evolve(first_seq=there.first_seq)
        if stream.sources is None:  # of a hub, kept: `vedette/site/hub_streams.py` says which there are
            stream = stream.evolve(sources=there.sources)
        await jetstream.update_stream(stream)
    except NotFoundError:
        raise why from None


async def ensure_consumer(jetstream: JetStreamContext, stream: str, consumer: ConsumerConfig) -> None:
    """Create a durable consumer, or leave the one that is there with the same settings.

    Raises:
        BusUnavailable: the server doesn't answer, or the stream is not there (yet).
    """
    try:
        await jetstream.add_consumer(stream, consumer)
    except APIError as error:
        raise BusUnavailable(f"consumer {consumer.durable_name}: {error.description or error}") from error
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"consumer {consumer.durable_name}: {error!s}") from error
