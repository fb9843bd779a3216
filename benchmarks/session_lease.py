"""Leases that hang on a session: what `docs/scaling.md` proposes, to be measured beside `vedette/fleet/leases.py`.

A process has one sign of life, the key `<site>.SESSION_<owner>` of the bucket, renewed every 0.5 s by compare-and-set
and gone after 2 s without. A lease is written when it is taken and not renewed, so that ten thousand cameras cost as
many renewals as there are gateways (M. Burrows, "The Chubby lock service for loosely-coupled distributed systems", OSDI
2006, 2.8). Who finds the session of an owner gone first marks it as over, and then takes the lease at the revision that
it had: an owner that comes back finds the mark when it renews, or nobody has taken any of its leases.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from weakref import WeakKeyDictionary

from nats.errors import Error as NatsError
from nats.js.api import Header
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KV_DEL, KV_OP, KeyValue

from vedette.background import end
from vedette.buckets import LEASES, MEMBERSHIP_TTL_S
from vedette.bus.connection import Bus, describe

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 0.5
_SAFETY_S = 0.5
_LOOK_AGAIN_S = 0.1
"""For one who waits, when the owner has missed a renewal: the end of the lease is near."""
_CHECK_EVERY_S = 5.0
"""Whether the lease is still there: nobody takes it by the rules while its owner lives."""
_WRONG_REVISION = 10071


class Session:
    """Runs while a lease uses it (`kept`)."""

    def __init__(self, bus: Bus, key: str, owner: str, clock: Callable[[], float]) -> None:
        self.began = 0
        """The revision with which it began; 0: there is none. Another one: all leases have to be taken again."""
        self._bus = bus
        self._owner = owner.encode()
        self._key = key
        self._clock = clock
        self._revision = 0
        self._is_uncertain = False
        """Whether a renewal had no answer: it may have arrived all the same."""
        self._renewed_s = -1e9
        self._turn = asyncio.Event()
        self._users = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether we may act as owner of what we have leased; nobody else takes that before this has ended."""
        return self.began > 0 and self._clock() < self._renewed_s + MEMBERSHIP_TTL_S - _SAFETY_S

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """It runs while somebody is in here."""
        self._users += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                task, self._task = self._task, None
                await end((task,))

    async def turn(self, within_s: float) -> None:
        """Wait until it lives, lives again, or is another one; no longer than `within_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._turn.wait()

    async def _run(self) -> None:
        try:
            while True:
                await self._begin_or_renew()
                await asyncio.sleep(RENEW_EVERY_S)
        finally:
            await self._leave()

    async def _begin_or_renew(self) -> None:
        started_s, was = self._clock(), (self.began, self.alive)
        try:
            bucket = await self._bus.bucket(LEASES)
            if not self.began or not await self._renew(bucket):
                await self._begin(bucket)
        except (NatsError, TimeoutError) as error:
            logger.debug("session of %s: %s", self._key, describe(error))
            return
        self._renewed_s = started_s
        if was != (self.began, True):
            self._turn.set()
            self._turn = asyncio.Event()

    async def _begin(self, bucket: KeyValue) -> None:
        _, revision = await current(bucket, self._key)
        try:
            self.began = self._revision = await bucket.update(self._key, self._owner, last=revision)
        except KeyWrongLastSequenceError as error:
            raise NatsError("another has written it meanwhile") from error

    async def _renew(self, bucket: KeyValue) -> bool:
        if self._is_uncertain:
            # Nobody else writes our name: where it stands, it is that renewal, and it was ours throughout.
            owner, revision = await current(bucket, self._key)
            self._revision = revision if owner == self._owner else self._revision
        self._is_uncertain = True
        try:
            self._revision = await bucket.update(self._key, self._owner, last=self._revision)
        except KeyWrongLastSequenceError:
            self.began, self._is_uncertain = 0, False
            return False
        self._is_uncertain = False
        return True

    async def _leave(self) -> None:
        self.began = 0
        try:
            await (await self._bus.bucket(LEASES)).delete(self._key)
        except (NatsError, TimeoutError) as error:
            logger.debug("%s was not removed: %s", self._key, describe(error))


_SESSIONS: WeakKeyDictionary[Bus, dict[str, Session]] = WeakKeyDictionary()


def session_of(bus: Bus, lease: str, owner: str, clock: Callable[[], float]) -> Session:
    """On which an owner's `lease` hangs; the same for all that are beside it."""
    key = session_key(lease, owner)
    return _SESSIONS.setdefault(bus, {}).setdefault(key, Session(bus, key, owner, clock))


def session_key(lease: str, owner: str) -> str:
    """Where the sign of life is on which an owner's `lease` hangs."""
    return f"{lease.partition('.')[0]}.SESSION_{owner}"


async def is_over(bucket: KeyValue, lease: str, owner: str) -> tuple[bool, int]:
    """Whether the owner of a lease lives no more, and its session's revision.

    What has ended is marked first: whenever the owner renews again, it has a wrong revision, and knows.
    """
    key = session_key(lease, owner)
    value, revision = await current(bucket, key)
    if value:
        return False, revision
    try:
        return True, await bucket.update(key, b"", last=revision)
    except KeyWrongLastSequenceError:
        return False, revision


async def current(bucket: KeyValue, key: str) -> tuple[bytes, int]:
    """Value and revision; no value where it expired or was deleted (a marker stands in its place)."""
    try:
        entry = await bucket.get(key)
    except KeyNotFoundError as error:
        return b"", (error.entry.revision or 0) if error.entry else 0
    return entry.value or b"", entry.revision or 0


class SessionLease:
    """Takes the lease `key` as soon as it is free, and keeps it until `run` is cancelled."""

    def __init__(self, bus: Bus, key: str, owner: str, clock: Callable[[], float] = monotonic) -> None:
        self.key = key
        self.other_owner: str | None = None
        """Who has it, where it isn't us."""
        self._bus = bus
        self._owner = owner.encode()
        self._session = session_of(bus, key, owner, clock)
        self._epoch = 0
        self._of_session = 0
        """With which session it was taken."""
        self._revision_of_other = 0
        self._pause_s = RENEW_EVERY_S
        self._changed = asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether we may act as owner now."""
        return self._epoch > 0 and self._of_session == self._session.began and self._session.alive

    @property
    def epoch(self) -> int:
        """The revision at which the lease was taken; 0 while it never was."""
        return self._epoch

    async def until_held(self) -> None:
        """Wait until we are the owner."""
        while not self.held:
            self._changed.clear()
            await self._changed.wait()

    async def until_owned_by_other(self) -> None:
        """Wait until another owner was seen."""
        while self.other_owner is None:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Take and keep; on cancellation give it back, so that a successor needn't wait for its end."""
        async with self._session.kept():
            try:
                while True:
                    await self._take_or_check()
                    self._changed.set()
                    await self._session.turn(self._pause_s)
            finally:
                await self._give_back()

    async def _take_or_check(self) -> None:
        self._pause_s = RENEW_EVERY_S
        if not self._session.alive:
            return
        try:
            bucket = await self._bus.bucket(LEASES)
            if not self._epoch or not await self._is_ours(bucket):
                await self._take(bucket)
        except (NatsError, TimeoutError) as error:
            logger.debug("lease %s: %s", self.key, describe(error))

    async def _is_ours(self, bucket: KeyValue) -> bool:
        if self._of_session == self._session.began and await current(bucket, self.key) == (self._owner, self._epoch):
            self._pause_s = _CHECK_EVERY_S
            return True
        logger.warning("lease %s was lost", self.key)
        self._epoch = 0
        return False

    async def _take(self, bucket: KeyValue) -> None:
        session = self._session.began
        owner, revision = await current(bucket, self.key)
        if owner and owner != self._owner and not await self._is_over(bucket, owner.decode()):
            return
        try:
            epoch = await self._write(self._owner, revision, {"Nats-TTL": "never"})
        except KeyWrongLastSequenceError:
            logger.debug("lease %s: another was faster", self.key)
            return
        self._epoch, self._of_session, self.other_owner = epoch, session, None
        self._pause_s = _CHECK_EVERY_S

    async def _is_over(self, bucket: KeyValue, owner: str) -> bool:
        over, revision = await is_over(bucket, self.key, owner)
        if not over:
            self.other_owner = owner
            if revision == self._revision_of_other:
                self._pause_s = _LOOK_AGAIN_S
            self._revision_of_other = revision
        return over

    async def _give_back(self) -> None:
        # Read again: a lease may have been taken without our knowing, if the answer was lost.
        self._epoch = 0
        try:
            owner, revision = await current(await self._bus.bucket(LEASES), self.key)
            if owner == self._owner:
                await self._write(b"", revision, {KV_OP: KV_DEL})
        except (NatsError, TimeoutError) as error:
            logger.debug("lease %s was not given back: %s", self.key, describe(error))

    async def _write(self, value: bytes, revision: int, headers: dict[str, str]) -> int:
        """The library's KV has no way to say how long a value lives (nats-py 2.16)."""
        expected = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision)}
        try:
            ack = await self._bus.jetstream.publish(f"$KV.{LEASES}.{self.key}", value, headers=expected | headers)
        except APIError as error:
            if error.err_code == _WRONG_REVISION:
                raise KeyWrongLastSequenceError(description=error.description) from error
            raise
        return ack.seq
