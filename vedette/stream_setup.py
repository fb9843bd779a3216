"""Makes streams, buckets and consumers as `vedette/subjects.py` defines them. Idempotent; many processes may at once."""

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, KeyValueConfig, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from vedette.bus_address import BusAddress
from vedette.errors import BusMisfit, BusUnavailable
from vedette.subjects import LEASES, MEMBERS, streams

MEMBERSHIP_TTL_S = 2.0
"""A lease or a member's heartbeat that is not renewed for so long is gone."""
_STREAM_EXISTS_OTHERWISE = 10058


async def ensure_streams(jetstream: JetStreamContext, address: BusAddress) -> None:
    """Create the streams, or update the ones whose settings changed.

    Raises:
        BusMisfit: one exists with settings that can't be changed (retention, storage), or over the server's limits.
        BusUnavailable: the server doesn't answer.
    """
    for stream in streams(address.retention, address.replicas):
        try:
            await _ensure_stream(jetstream, stream)
        except BadRequestError as error:
            raise BusMisfit(f"stream {stream.name}: {error.description}") from error
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"stream {stream.name}: {error or type(error).__name__}") from error


async def _ensure_stream(jetstream: JetStreamContext, stream: StreamConfig) -> None:
    try:
        await jetstream.add_stream(stream)
    except APIError as error:
        if error.err_code != _STREAM_EXISTS_OTHERWISE:
            raise
        await jetstream.update_stream(stream)


async def ensure_buckets(jetstream: JetStreamContext, replicas: int) -> None:
    """Create the KV buckets: file storage always, because fencing lives in their revisions.

    Raises:
        BusUnavailable: the server doesn't answer or refuses.
    """
    for bucket in (MEMBERS, LEASES):
        try:
            await jetstream.create_key_value(
                KeyValueConfig(
                    bucket=bucket,
                    history=1,
                    ttl=MEMBERSHIP_TTL_S,
                    limit_marker_ttl=1,
                    storage=StorageType.FILE,
                    replicas=replicas,
                )
            )
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"bucket {bucket}: {error or type(error).__name__}") from error


async def ensure_consumer(jetstream: JetStreamContext, stream: str, consumer: ConsumerConfig) -> None:
    """Create a durable consumer, or leave the one that is there with the same settings.

    Raises:
        BusUnavailable: the server doesn't answer, or the stream is not there (yet).
    """
    try:
        await jetstream.add_consumer(stream, consumer)
    except (NotFoundError, NatsError, TimeoutError) as error:
        raise BusUnavailable(f"consumer {consumer.durable_name}: {error or type(error).__name__}") from error
