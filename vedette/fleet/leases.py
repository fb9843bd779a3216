"""Who owns a camera: a lease in a KV bucket, with a TTL, and the revision at which it was taken as fencing token.

The revision (`epoch`) travels in every id, and readers drop what comes from a lower one. The owner itself acts only
while its last renewal is young enough by its own monotonic clock, so that a process that was paused stops before
another can begin (M. Kleppmann, "How to do distributed locking", 2016; C. Gray, D. Cheriton, "Leases", SOSP 1989).
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from nats.errors import Error as NatsError
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from vedette.buckets import LEASES, MEMBERSHIP_TTL_S
from vedette.bus.connection import WRONG_SEQUENCE, Bus, describe
from vedette.process.metrics import LEASE_CHANGES

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 0.5
_LOOK_EVERY_S = 0.2
"""For one who waits;"""
_LOOK_AGAIN_S = 0.1
"""and when the owner has missed a renewal: the end of the lease is near."""
_TOGETHER_S = 0.125
"""Renewals are made at whole multiples of this: those of several leases share a write and a read of the connection."""
_SAFETY_S = 0.5
_KINDS = {"TRACK": "partition", "SINK": "sink"}
"""What a lease is of, by the first part of its key; a camera's begins with its site."""


class Lease:
    """Takes the lease `key` as soon as it is free, and renews it until `run` is cancelled."""

    def __init__(self, bus: Bus, key: str, owner: str, clock: Callable[[], float] = monotonic) -> None:
        self.key = key
        self.other_owner: str | None = None
        """Who has it, where it isn't us."""
        self._bus = bus
        self._owner = owner.encode()
        self._of = _KINDS.get(key.partition(".")[0], "camera")
        self._clock = clock
        self._epoch = 0
        self._revision = 0
        self._revision_of_other = 0
        self._other_renewed_s = -1e9
        self._pause_s = RENEW_EVERY_S
        self._renewed_s = -1e9
        self._changed = asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether we may act as owner now."""
        return self._epoch > 0 and self._clock() < self._renewed_s + MEMBERSHIP_TTL_S - _SAFETY_S

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
        """Take and renew; on cancellation give it back, so that a successor needn't wait for its end."""
        try:
            while True:
                await self._take_or_renew()
                self._changed.set()
                early_s = monotonic() % _TOGETHER_S if self._pause_s == RENEW_EVERY_S else 0.0
                await asyncio.sleep(self._pause_s - early_s)
        finally:
            await self._give_back()

    async def _take_or_renew(self) -> None:
        started_s, self._pause_s = self._clock(), RENEW_EVERY_S
        try:
            bucket = await self._bus.bucket(LEASES)
            if not self._epoch or not await self._renew(bucket):
                await self._take(bucket)
        except (NatsError, TimeoutError) as error:
            logger.debug("lease %s: %s", self.key, describe(error))
        else:
            if self._epoch:
                self._renewed_s = started_s

    async def _renew(self, bucket: KeyValue) -> bool:
        try:
            self._revision = await bucket.update(self.key, self._owner, last=self._revision)
        except KeyWrongLastSequenceError:
            # An earlier renewal that had no answer may have arrived. Nobody else writes our name: where it stands, it
            # is that one, and the lease was ours throughout.
            owner, self._revision = await _current(bucket, self.key)
            if owner == self._owner:
                return await self._renew(bucket)
            logger.warning("lease %s was lost", self.key)
            LEASE_CHANGES.labels(self._of, "lost").inc()
            self._epoch = 0
            return False
        return True

    async def _take(self, bucket: KeyValue) -> None:
        owner, revision = await _current(bucket, self.key)
        if owner and owner != self._owner:
            self.other_owner = owner.decode()
            if revision != self._revision_of_other:
                self._revision_of_other, self._other_renewed_s = revision, self._clock()
            missed = self._clock() - self._other_renewed_s > RENEW_EVERY_S + _LOOK_EVERY_S
            self._pause_s = _LOOK_AGAIN_S if missed else _LOOK_EVERY_S
            return
        try:
            self._epoch = self._revision = await bucket.update(self.key, self._owner, last=revision)
            self.other_owner = None
            LEASE_CHANGES.labels(self._of, "taken").inc()
        except KeyWrongLastSequenceError:
            logger.debug("lease %s: another was faster", self.key)

    async def _give_back(self) -> None:
        self._epoch = 0
        try:
            bucket = await self._bus.bucket(LEASES)
            await self._delete(bucket)
        except (NatsError, TimeoutError) as error:
            logger.debug("lease %s was not given back: %s", self.key, describe(error))

    async def _delete(self, bucket: KeyValue) -> None:
        # Read again: a renewal that was cancelled on its way may have arrived, and have made another revision.
        owner, revision = await _current(bucket, self.key)
        while owner == self._owner:
            try:
                await bucket.delete(self.key, last=revision)
                return
            except APIError as error:
                if error.err_code not in WRONG_SEQUENCE:
                    raise
                owner, revision = await _current(bucket, self.key)  # it arrived after we had read


async def _current(bucket: KeyValue, key: str) -> tuple[bytes, int]:
    """Owner and revision; no owner where the lease expired or was given back (a marker stands in its place)."""
    try:
        entry = await bucket.get(key)
    except KeyNotFoundError as error:
        return b"", (error.entry.revision or 0) if error.entry else 0
    return entry.value or b"", entry.revision or 0
