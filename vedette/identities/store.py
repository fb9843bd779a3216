"""Enrolled people in the KV bucket `vedette-identities`: read, followed, written and removed.

A gallery is a name that people are enrolled under: it begins with the first and ends with the last. Galleries are the
bus's: the sites that share one, and the key, share them.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from vedette.background import background
from vedette.buckets import IDENTITIES
from vedette.bus.atomic_write import Write, write
from vedette.bus.bucket_watch import BucketWatch, Stored
from vedette.bus.connection import Bus
from vedette.errors import Conflict, VedetteError
from vedette.identities.record import IdentityEntry, IdentityRecord, decode, encode, key_of, person_of, persons_of
from vedette.secrets.sealing import Sealer

_EDITS = 10


class UnknownPerson(VedetteError):
    """Nobody of that name or id is in the gallery."""

    def __init__(self, gallery: str, person: str) -> None:
        super().__init__(f"nobody called {person!r} is in the gallery {gallery}")


class OpenedRecords:
    """Records as a bucket has them, each decoded once as it lies there."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._decoded: dict[str, tuple[Stored, IdentityEntry]] = {}
        """By key. A bucket that was made anew may have another value at the same revision."""

    def take(self, known: Mapping[str, Stored]) -> list[IdentityEntry]:
        """Those that are there, by gallery and id."""
        there = {key: one for key, one in sorted(known.items()) if one.value is not None}
        self._decoded = {key: (one, self._entry(key, one)) for key, one in there.items()}
        return [entry for _, entry in self._decoded.values()]

    def _entry(self, key: str, stored: Stored) -> IdentityEntry:
        before, entry = self._decoded.get(key, (None, None))
        if entry is not None and before == stored:
            return entry
        return decode(stored.value or b"", key, stored.revision, self._sealer)


class IdentityStore:
    """Use it with a connected bus, or one that will be connected again."""

    def __init__(self, bus: Bus, sealer: Sealer) -> None:
        self._bus = bus
        self._sealer = sealer

    async def read(self, gallery: str | None = None) -> list[IdentityEntry]:
        """The people of a gallery, or of all (None).

        Raises:
            BusUnavailable: not connected, or no answer.
        """
        known = await BucketWatch(self._bus, IDENTITIES, f"{gallery or '*'}.*").read()
        return await asyncio.to_thread(OpenedRecords(self._sealer).take, known)

    async def find(self, gallery: str, person: str) -> IdentityEntry:
        """Who has this name or id.

        Raises:
            UnknownPerson, BusUnavailable.
        """
        found = one_of(await self.read(gallery), person, *persons_of(gallery, person, self._sealer))
        if found is None:
            raise UnknownPerson(gallery, person)
        return found

    async def edit(
        self, gallery: str, name: str, change: Callable[[IdentityRecord | None], IdentityRecord]
    ) -> IdentityRecord:
        """Store what `change` makes of the person of this name (None: there is none); again, if it changes meanwhile.

        What can't be read is replaced as if it weren't there.

        Raises:
            Conflict: it changes again and again.
            BusUnavailable, MessageTooLarge, and what `change` raises.
        """
        person, *former = persons_of(gallery, name, self._sealer)
        for one in former:  # enrolled before the key was followed by another one
            for entry in OpenedRecords(self._sealer).take(
                await BucketWatch(self._bus, IDENTITIES, key_of(gallery, one)).read()
            ):
                if isinstance(entry, IdentityRecord):
                    await self.reseal(entry)
        key, edits = key_of(gallery, person), 0
        while True:
            known = await BucketWatch(self._bus, IDENTITIES, key).read()
            entries = OpenedRecords(self._sealer).take(known)
            had = entries[0] if entries and isinstance(entries[0], IdentityRecord) else None
            record = change(had)
            value, revision = encode(record, self._sealer), known[key].revision if key in known else 0
            try:
                stored = await write(self._bus, IDENTITIES, [Write(key, value, revision)])
            except Conflict:
                edits += 1
                if edits == _EDITS:
                    raise
                continue
            return IdentityRecord(gallery, person, record.name, record.faces, stored)

    async def reseal(self, entry: IdentityRecord) -> None:
        """Seal a person with the key of now; with it the id is another one too.

        Raises:
            Conflict: it has changed since, or there is somebody with the new id.
            BusUnavailable: not connected, or no answer: it may or may not be done.
        """
        record = replace(entry, person=person_of(entry.gallery, entry.name, self._sealer))
        value, old = encode(record, self._sealer), key_of(entry.gallery, entry.person)
        if record.person == entry.person:
            writes = [Write(old, value, entry.revision)]
        else:
            writes = [Write(key_of(entry.gallery, record.person), value, 0), Write(old, None, entry.revision)]
        await write(self._bus, IDENTITIES, writes)

    async def remove(self, entry: IdentityEntry) -> None:
        """Remove a person as it was read; a marker without content stays in its place for a day.

        Raises:
            Conflict: it has changed since.
            BusUnavailable: not connected, or no answer: it may or may not be removed.
        """
        await write(self._bus, IDENTITIES, [Write(key_of(entry.gallery, entry.person), None, entry.revision)])

    def person_of(self, gallery: str, name: str) -> str:
        """The id of who has this name there, if anybody has."""
        return person_of(gallery, name, self._sealer)

    async def follow(self, gallery: str, tell: Callable[[list[IdentityEntry]], None]) -> None:
        """Tell the people of a gallery, now and after each change, until cancelled.

        `tell` is called in a thread, as records are opened there: ten thousand take a second or two. Of changes that
        come meanwhile the last is told.
        """
        people = OpenedRecords(self._sealer)
        changed, latest = asyncio.Event(), dict[str, Stored]()
        told: dict[str, Stored] | None = None

        def note(known: Mapping[str, Stored]) -> None:
            nonlocal latest
            latest = dict(known)
            changed.set()

        async with background(BucketWatch(self._bus, IDENTITIES, f"{gallery}.*").follow(note)):
            while await changed.wait():
                changed.clear()
                if latest != told:  # a watch that is made anew tells all again, each minute
                    told = latest
                    await asyncio.to_thread(_tell, tell, people, told)


def one_of(entries: Iterable[IdentityEntry], *persons: str) -> IdentityEntry | None:
    """Who has one of these ids."""
    return next((entry for entry in entries if entry.person in persons), None)


def _tell(tell: Callable[[list[IdentityEntry]], None], people: OpenedRecords, known: Mapping[str, Stored]) -> None:
    tell(people.take(known))
