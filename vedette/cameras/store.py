"""The desired cameras of a site in the KV bucket `vedette-cameras`: read, followed, and changed all at once or not."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from nats.js.kv import KeyValue

from vedette.buckets import CAMERAS
from vedette.bus.atomic_write import MOST_WRITES, Write, write
from vedette.bus.bucket_watch import BucketWatch, Stored
from vedette.bus.connection import Bus
from vedette.cameras.plan import Change
from vedette.cameras.record import Entry, decode, encode
from vedette.errors import Conflict
from vedette.secrets.sealing import Sealer

logger = logging.getLogger(__name__)

_EDITS = 10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The site's desired cameras at a moment."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    """By name, in order."""
    revisions: Mapping[str, int] = field(default_factory=dict)
    """Of each key that was ever written, removed ones too (until a day later)."""


class _Known:
    """What is known of the cameras, each decoded once as it lies there."""

    def __init__(self, site: str, sealer: Sealer) -> None:
        self._prefix = f"{site}."
        self._sealer = sealer
        self._decoded: dict[str, tuple[Stored, Entry]] = {}
        """By key. A bucket that was made anew may have another value at the same revision."""

    def snapshot(self, stored: Mapping[str, Stored]) -> Snapshot:
        """Of the keys as they are."""
        there = {key: one for key, one in sorted(stored.items()) if one.value is not None}
        self._decoded = {key: (one, self._entry(key, one)) for key, one in there.items()}
        entries = {self._name(key): entry for key, (_, entry) in self._decoded.items()}
        return Snapshot(entries, {self._name(key): one.revision for key, one in stored.items()})

    def _entry(self, key: str, stored: Stored) -> Entry:
        before, entry = self._decoded.get(key, (None, None))
        if entry is not None and before == stored:
            return entry
        return decode(stored.value or b"", key, stored.revision, self._sealer)

    def _name(self, key: str) -> str:
        return key.removeprefix(self._prefix)


class CameraStore:
    """One site's cameras."""

    def __init__(self, bus: Bus, site: str, sealer: Sealer) -> None:
        self.sealer = sealer
        self._bus = bus
        self._site = site
        self._watch = BucketWatch(bus, CAMERAS, f"{site}.*")
        self._made_at: datetime | None = None
        self._latest: dict[str, bytes] = {}
        """What was in the bucket when it was told last."""

    async def read(self) -> Snapshot:
        """The cameras as they are now.

        Raises:
            BusUnavailable: not connected, or no answer.
        """
        return _Known(self._site, self.sealer).snapshot(await self._watch.read())

    async def change(self, changes: Sequence[Change], revisions: Mapping[str, int]) -> int:
        """Make all `changes`, or none if one of the keys is not at the revision that is given (0: was never written).

        Returns the revision of the last one.

        Raises:
            Conflict: one is at another revision.
            BusUnavailable: not connected, or no answer: they may or may not have been made.
            BusMisfit: over 1000 at once.
        """
        return await write(self._bus, CAMERAS, [self._write_of(change, revisions) for change in changes])

    async def edit(self, decide: Callable[[Snapshot], Sequence[Change]]) -> int:
        """Make the changes that `decide` wants of the cameras as they are; again, if they change meanwhile.

        Returns the revision of the last one; 0 if nothing had to change.

        Raises:
            Conflict: they change again and again.
            BusUnavailable, BusMisfit: see `change`.
        """
        edits = 0
        while True:
            snapshot = await self.read()
            changes = decide(snapshot)
            try:
                return await self.change(changes, snapshot.revisions) if changes else 0
            except Conflict:
                edits += 1
                if edits == _EDITS:
                    raise

    async def follow(self, tell: Callable[[Snapshot], None]) -> None:
        """Tell the cameras, now and after each change, until cancelled.

        A bucket that was made anew, since the server lost its store, gets back what was in it.
        """
        known = _Known(self._site, self.sealer)

        def note(stored: Mapping[str, Stored]) -> None:
            self._latest = {key: one.value for key, one in stored.items() if one.value is not None}
            tell(known.snapshot(stored))

        await self._watch.follow(note, self._restore)

    async def _restore(self, bucket: KeyValue) -> None:
        made_at = (await bucket.status()).stream_info.created
        if self._made_at is not None and made_at != self._made_at and self._latest:
            logger.warning("the bus has lost the cameras; putting them back")
            lost = [Write(key, value, 0) for key, value in self._latest.items()]
            for start in range(0, len(lost), MOST_WRITES):
                await self._put_back(lost[start : start + MOST_WRITES])
        self._made_at = made_at

    async def _put_back(self, lost: Sequence[Write]) -> None:
        try:
            await write(self._bus, CAMERAS, lost)
        except Conflict:  # another gateway has done it, or somebody has written one of them meanwhile
            for one in lost:
                with suppress(Conflict):
                    await write(self._bus, CAMERAS, [one])

    def _write_of(self, change: Change, revisions: Mapping[str, int]) -> Write:
        key = f"{self._site}.{change.name}"
        value = encode(change.record, key, self.sealer) if change.record else None
        return Write(key, value, revisions.get(change.name, 0))
