"""The desired cameras of a site in the KV bucket `vedette-cameras`: read, followed, and changed all at once or not."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from nats.errors import Error as NatsError
from nats.js.kv import KeyValue

from vedette.atomic_write import MOST_WRITES, Conflict, Write, write
from vedette.bus import Bus, describe
from vedette.camera_plan import Change
from vedette.camera_record import Entry, decode, encode
from vedette.errors import BusError, BusUnavailable
from vedette.retry import Backoff, Retry
from vedette.sealing import Sealer
from vedette.subjects import CAMERAS

logger = logging.getLogger(__name__)

_TIMEOUT_S = 2.0
_BACKOFF = Backoff(first_s=0.2, cap_s=5.0)
_ANEW_AFTER_S = 60.0
"""A watch that the server has forgotten is silent for good; so it is made anew from time to time."""
_FORGOTTEN_AFTER_S = 30.0
_EDITS = 10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The site's desired cameras at a moment."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    """By name, in order."""
    revisions: Mapping[str, int] = field(default_factory=dict)
    """Of each key that was ever written, removed ones too (until a day later)."""


class _Known:
    """What a watch has told so far, by camera."""

    def __init__(self, site: str, sealer: Sealer) -> None:
        self.values: dict[str, bytes] = {}
        """As they lie in the bucket, by key."""
        self._prefix = f"{site}."
        self._sealer = sealer
        self._entries: dict[str, Entry] = {}
        self._revisions: dict[str, int] = {}

    def note(self, update: KeyValue.Entry) -> None:
        name, revision = update.key.removeprefix(self._prefix), update.revision or 0
        self._revisions[name] = revision
        if update.operation is None:
            self.values[update.key] = update.value or b""
            self._entries[name] = decode(update.value or b"", update.key, revision, self._sealer)
        else:
            self.values.pop(update.key, None)
            self._entries.pop(name, None)

    @property
    def keys(self) -> int:
        """How many keys have been told, removed ones too."""
        return len(self._revisions)

    def snapshot(self) -> Snapshot:
        return Snapshot(dict(sorted(self._entries.items())), dict(self._revisions))


class CameraStore:
    """One site's cameras."""

    def __init__(self, bus: Bus, site: str, sealer: Sealer) -> None:
        self.sealer = sealer
        self._bus = bus
        self._site = site
        self._made_at: datetime | None = None
        self._latest: dict[str, bytes] = {}
        """What was in the bucket when it was told last."""

    async def read(self) -> Snapshot:
        """The cameras as they are now.

        Raises:
            BusUnavailable: not connected, or no answer.
        """
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._watch(await self._bus.bucket(CAMERAS), _TIMEOUT_S) as watcher,
                aclosing(self._told(watcher)) as told,
            ):
                async for known in told:
                    return known.snapshot()
            raise NatsError("the connection was lost")
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"cameras: {describe(error)}") from error

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
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                await self._follow(tell)
            except (NatsError, TimeoutError, BusError) as error:
                level = logging.WARNING if self._bus.connected else logging.DEBUG
                logger.log(level, "the desired cameras can't be followed: %s", describe(error))
                await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    async def _follow(self, tell: Callable[[Snapshot], None]) -> None:
        bucket = await self._bus.bucket(CAMERAS)
        await self._restore(bucket)
        with suppress(TimeoutError):
            async with (
                self._watch(bucket, _FORGOTTEN_AFTER_S) as watcher,
                aclosing(self._told(watcher)) as told,
                asyncio.timeout(_ANEW_AFTER_S),
            ):
                async for known in told:
                    self._latest = known.values
                    tell(known.snapshot())

    async def _told(self, watcher: KeyValue.KeyWatcher) -> AsyncGenerator[_Known]:
        """What is known, as soon as it is all that there was, and after each change.

        The watch's own word for that (None) may come too early: nats-py 2.16 (`KeyValue.watch`) doesn't count what is
        delivered and waits in the client. So the keys that there are by then are counted.
        """
        known, keys = _Known(self._site, self.sealer), None
        async for update in watcher:
            if update is not None:
                known.note(update)
            elif keys is None:
                keys = await self._count_keys()
            if keys is not None and known.keys >= keys:
                yield known

    async def _count_keys(self) -> int:
        """Of this site, removed ones too."""
        stream = f"KV_{CAMERAS}"
        info = await self._bus.jetstream.stream_info(stream, subjects_filter=f"$KV.{CAMERAS}.{self._site}.*")
        return len(info.state.subjects or {})

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

    @asynccontextmanager
    async def _watch(self, bucket: KeyValue, forgotten_after_s: float) -> AsyncIterator[KeyValue.KeyWatcher]:
        """A watch of the site's keys; it ends when the connection comes back, for the server has forgotten it.

        Each is a consumer, which lies in the server for `forgotten_after_s` when nobody listens to it any more.
        """
        watcher = await bucket.watch(f"{self._site}.*", inactive_threshold=forgotten_after_s)

        async def stop() -> None:
            with suppress(NatsError):
                await watcher.stop()  # type: ignore[no-untyped-call]

        forget = self._bus.on_reconnect(stop)
        try:
            yield watcher
        finally:
            forget()
            await stop()

    def _write_of(self, change: Change, revisions: Mapping[str, int]) -> Write:
        key = f"{self._site}.{change.name}"
        value = encode(change.record, key, self.sealer) if change.record else None
        return Write(key, value, revisions.get(change.name, 0))
