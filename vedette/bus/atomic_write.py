"""Several keys of a KV bucket changed at once or not at all: JetStream's atomic batch publishing (NATS ADR-50).

The library has no method for it (nats-py 2.16). The bucket's stream has to allow it.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nats.errors import Error as NatsError
from nats.js.api import Header
from nats.js.kv import KV_DEL, KV_OP

from vedette.bus.connection import WRONG_SEQUENCE, Bus, describe
from vedette.errors import BusMisfit, BusUnavailable, Conflict

MOST_WRITES = 1000
"""In one batch: the server takes no more."""
_TIMEOUT_S = 2.0
_MARKER_TTL = "24h"


@dataclass(frozen=True, slots=True)
class Write:
    """What one key becomes."""

    key: str
    value: bytes | None
    """None: it is deleted. A marker stays in its place for a day."""
    revision: int
    """At which it is; 0: it was never written, or its marker is gone."""


async def write(bus: Bus, bucket: str, writes: Sequence[Write]) -> int:
    """Make all `writes` (one at least), or none if a key is at another revision; returns the revision of the last.

    Raises:
        Conflict: one is at another revision.
        BusUnavailable: not connected, or no answer: they may or may not have been made.
        BusMisfit: over 1000 at once.
        MessageTooLarge: a value is over the server's limit.
    """
    if len(writes) > MOST_WRITES:
        raise BusMisfit(f"{bucket}: {len(writes)} keys would change at once; the server takes {MOST_WRITES}")
    return await publish_together(bus, bucket, [_publication(bucket, write) for write in writes])


@dataclass(frozen=True, slots=True)
class Publication:
    """One message of a batch."""

    subject: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


async def publish_together(bus: Bus, place: str, publications: Sequence[Publication]) -> int:
    """Store all (one at least, 1000 at most, of one stream), or none; returns the sequence of the last. `place` is for
    the errors.

    Raises:
        Conflict: a subject is at another sequence than its message expects.
        BusUnavailable: not connected, or no answer, or refused: they may or may not be stored.
        MessageTooLarge: one is over the server's limit.
    """
    batch = secrets.token_hex(8)
    for one in publications:
        bus.check_size(one.subject, one.payload)
    try:
        for n, one in enumerate(publications[:-1], start=1):
            await bus.client.publish(one.subject, one.payload, headers=_numbered(one, batch, n))
        last = publications[-1]
        headers = {**_numbered(last, batch, len(publications)), "Nats-Batch-Commit": "1"}
        answer = await bus.client.request(last.subject, last.payload, _TIMEOUT_S, headers=headers)
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{place}: {describe(error)}") from error
    return _sequence(place, answer.data)


def _publication(bucket: str, write: Write) -> Publication:
    deletion = {KV_OP: KV_DEL, "Nats-TTL": _MARKER_TTL} if write.value is None else {}
    headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(write.revision), **deletion}
    return Publication(f"$KV.{bucket}.{write.key}", write.value or b"", headers)


def _numbered(one: Publication, batch: str, n: int) -> dict[str, str]:
    return {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(n), **one.headers}


def _sequence(place: str, answer: bytes) -> int:
    said = json.loads(answer)
    error = said.get("error")
    if error is None:
        return int(said["seq"])
    if error.get("err_code") in WRONG_SEQUENCE:
        raise Conflict("somebody else has changed it meanwhile")
    raise BusUnavailable(f"{place}: {error.get('description', 'refused')}")
