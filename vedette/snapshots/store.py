"""The object store `vedette-snapshots`: JPEGs by the sha256 of their bytes, and records of who and what they show.

Objects are as NATS ADR-20 has them, each of one chunk, so that other programs read them; the records are an index
beside them, in the same stream, so that all of a picture comes and goes together. `vedette/snapshots/record.py` has the
subjects. How long pictures are kept is the stream's age and size: `retention.snapshots_days` and `snapshots_gib`.

The library's own `ObjectStore` is not used: its `get` never ends if the connection does, and its `put` is several
messages, of which a writer that dies leaves some (nats-py 2.16).
"""

import asyncio
import base64
import datetime as dt
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from nats.errors import Error as NatsError
from pydantic import ValidationError

from vedette.bus.atomic_write import Publication, publish_together
from vedette.bus.connection import Bus, describe
from vedette.bus.direct_read import Stored, read_last, read_many, subjects_of
from vedette.errors import BusUnavailable
from vedette.messages import rfc3339
from vedette.snapshots.record import (
    Query,
    RecordKey,
    SnapshotRecord,
    chunk_subject,
    description_subject,
    hour_of,
    hour_subject,
)
from vedette.streams import SNAPSHOTS

logger = logging.getLogger(__name__)

STREAM = f"OBJ_{SNAPSHOTS}"
_STORED_ANEW_AFTER = dt.timedelta(hours=1)
"""Content that is there already, but older, is stored once more: it must not go before its newest record."""
_PURGES_AT_ONCE = 16
_MOST_OF_OBJECT = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, the latest captures first."""

    records: tuple[SnapshotRecord, ...]
    next: str | None
    """Where the next page begins; None: this is the last."""


class BadCursor(ValueError):
    """A page's beginning that no page has given."""


class SnapshotStore:
    """All raise BusUnavailable where the server doesn't answer: nothing, or all, may have been done."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, pictures: Sequence[tuple[SnapshotRecord, bytes]]) -> None:
        """Store all of these pictures and their records, or none. Content that is there is not stored twice.

        At most 200; each record's `sha256` is that of its JPEG.

        Raises:
            MessageTooLarge: a picture is over the server's limit.
        """
        descriptions = {record.sha256: description_subject(record.sha256) for record, _ in pictures}
        there = await read_many(self._bus, STREAM, list(descriptions.values()))
        writes: dict[str, Publication] = {}
        for record, jpeg in pictures:
            writes |= {one.subject: one for one in _index(record)}
            if not _is_young(there.get(descriptions[record.sha256])):
                writes |= {one.subject: one for one in _object(record, jpeg)}
        await publish_together(self._bus, SNAPSHOTS, list(writes.values()))

    async def get(self, sha256: str) -> bytes | None:
        """The JPEG; None: there is none (any more)."""
        stored = await read_last(self._bus, STREAM, chunk_subject(sha256))
        if stored is None:
            return None
        if await asyncio.to_thread(lambda: hashlib.sha256(stored.payload).hexdigest()) != sha256:
            logger.error("snapshot %s is damaged", sha256)
            return None
        return stored.payload

    async def has(self, sha256: str) -> bool:
        """Whether the picture is there (still)."""
        return await read_last(self._bus, STREAM, description_subject(sha256)) is not None

    async def page(self, query: Query, limit: int = 100, begin: str | None = None) -> Page:
        """At most `limit` (1000) of the records that `query` asks for; `begin` is a page's `next`.

        The server is asked for subjects, hour by hour or in all hours for what is rare, and for the records of the page
        only: see `docs/snapshots.md` for what that costs.

        Raises:
            BadCursor: `begin` is no page's.
        """
        first = None if begin is None else _read_cursor(begin)
        found: list[RecordKey] = []
        async with aclosing(self._keys(query)) as hours:
            async for keys in hours:
                found += [key for key in _each_once(keys) if first is None or key.order < first]
                if len(found) > limit:
                    break
        keys = found[:limit]
        records = await self._records(keys)
        return Page(tuple(records), _cursor(keys[-1]) if len(found) > limit else None)

    async def of_object(self, site: str, camera: str, object_id: str) -> list[SnapshotRecord]:
        """The records of one object, the latest captures first."""
        return list((await self.page(Query(site=site, camera=camera, object=object_id), _MOST_OF_OBJECT)).records)

    async def name(self, site: str, camera: str, object_id: str, person: str) -> int:
        """The object is `person`: its records say so from now on; returns how many were changed.

        A record of another person stays beside the new one: the picture is deleted with either of them.
        """
        known: list[RecordKey] = []
        async with aclosing(self._keys(Query(site=site, camera=camera, object=object_id))) as hours:
            async for keys in hours:
                known += keys
        told = {key.order for key in known if key.names(person)}
        left = [key for key in known if key.order not in told or not key.is_named]
        untold = list({key.order: key for key in sorted(left, key=_unnamed_last)}.values())
        for start in range(0, len(untold), _MOST_OF_OBJECT):
            for record in await self._records(untold[start : start + _MOST_OF_OBJECT]):
                await publish_together(self._bus, SNAPSHOTS, _index(record.model_copy(update={"person": person})))
                if record.person is None:
                    await self._purge(record.key.subject)
        return len(untold)

    async def delete(self, query: Query) -> int:
        """Delete the pictures of all records that `query` asks for, and all other records of them: what a picture
        shows besides goes with it. Returns how many pictures there were. Broken off, it is repeated.
        """
        deleted = 0
        async with aclosing(self._keys(query)) as hours:
            async for keys in hours:
                # Not by content: the same picture may have been taken at several times.
                taken = list({key.others: key for key in keys}.values())
                for start in range(0, len(taken), _PURGES_AT_ONCE):
                    await asyncio.gather(*map(self._delete, taken[start : start + _PURGES_AT_ONCE]))
                deleted += len({key.sha256 for key in keys})
        return deleted

    async def delete_person(self, person: str, site: str | None = None) -> int:
        """Delete all pictures in which `person` was recognised; returns how many there were."""
        return await self.delete(Query(site=site, person=person))

    async def _delete(self, key: RecordKey) -> None:
        """The picture first, and last the records by which it is found."""
        await self._purge(chunk_subject(key.sha256))
        await self._purge(description_subject(key.sha256))
        await self._purge(key.others)

    async def _purge(self, subjects: str) -> None:
        try:
            await self._bus.jetstream.purge_stream(STREAM, subject=subjects)
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{SNAPSHOTS}: {describe(error)}") from error

    async def _keys(self, query: Query) -> AsyncGenerator[list[RecordKey], None]:
        """By hours, the latest first; or all of them, where they are few."""
        hours = ["*"]
        if not query.is_of_few:
            noted = map(hour_of, await subjects_of(self._bus, STREAM, hour_subject("*")))
            hours = sorted((hour for hour in noted if query.takes_hour(hour)), reverse=True)
        for hour in hours:
            subjects = await subjects_of(self._bus, STREAM, query.subjects(hour))
            yield [key for key in map(RecordKey.parse, subjects) if query.takes(key)]

    async def _records(self, keys: Sequence[RecordKey]) -> list[SnapshotRecord]:
        """In the order of `keys`; what is gone by now is left out."""
        stored = await read_many(self._bus, STREAM, [key.subject for key in keys])
        return [record for key in keys if (record := _record(stored.get(key.subject))) is not None]


def _is_young(stored: Stored | None) -> bool:
    if stored is None:
        return False
    return dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(stored.stored_at[:19] + "Z") < _STORED_ANEW_AFTER


def _index(record: SnapshotRecord) -> list[Publication]:
    payload = record.model_dump_json(exclude_none=True).encode()
    return [Publication(record.key.subject, payload), Publication(hour_subject(record.hour), b"")]


def _object(record: SnapshotRecord, jpeg: bytes) -> list[Publication]:
    """The JPEG as an object of one chunk (NATS ADR-20); its digest is of the same bytes as its name."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(record.sha256)).decode()
    description = {
        "name": record.sha256,
        "bucket": SNAPSHOTS,
        "nuid": record.sha256,
        "size": len(jpeg),
        "chunks": 1,
        "digest": f"SHA-256={digest}",
        "mtime": rfc3339(dt.datetime.now(dt.UTC)),
        "options": {"max_chunk_size": len(jpeg)},
    }
    return [
        Publication(description_subject(record.sha256), json.dumps(description).encode()),
        Publication(chunk_subject(record.sha256), jpeg),
    ]


def _record(stored: Stored | None) -> SnapshotRecord | None:
    if stored is None:
        return None
    try:
        return SnapshotRecord.model_validate_json(stored.payload)
    except ValidationError:
        logger.warning("a record of a snapshot is left out: %s", stored.subject)
        return None


def _unnamed_last(key: RecordKey) -> bool:
    return not key.is_named


def _each_once(keys: Sequence[RecordKey]) -> list[RecordKey]:
    """One record of each object in each picture, the latest first: of somebody who was named, one that names."""
    chosen = {key.order: key for key in sorted(keys, key=lambda key: key.is_named)}
    return [chosen[order] for order in sorted(chosen, reverse=True)]


def _cursor(key: RecordKey) -> str:
    return ".".join(key.order)


def _read_cursor(text: str) -> tuple[str, str, str]:
    words = text.split(".")
    if len(words) != 3 or not all(words):
        raise BadCursor("is no beginning of a page that was given")
    return words[0], words[1], words[2]
