"""The live members of a site, or of all, followed: each heartbeat as it comes, by our own clock."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from vedette.buckets import MEMBERS, MEMBERSHIP_TTL_S
from vedette.bus.bucket_watch import BucketWatch, Stored
from vedette.bus.connection import Bus
from vedette.fleet.members import Member, parse_member

_SILENCE_S = 3.0
"""There are several heartbeats a second, our own at least: a watch without any is broken, and made anew."""


class MemberWatch:
    """Who is alive and what they say of themselves; kept up by `run`."""

    def __init__(self, bus: Bus, site: str | None, clock: Callable[[], float] = monotonic) -> None:
        """`site`: None is all of them."""
        self._watch = BucketWatch(bus, MEMBERS, f"{site or '*'}.*")
        self._clock = clock
        self._heard: dict[str, tuple[int, float, Member]] = {}
        """By key: the revision, when it came, and what it says."""
        self._told_s: float | None = None

    @property
    def fresh(self) -> bool:
        """Whether it is known now who is alive: without a bus, or after a pause of this process, it isn't."""
        return self._told_s is not None and self._clock() - self._told_s < MEMBERSHIP_TTL_S

    def live(self, kind: str) -> list[Member]:
        """The members of a kind whose heartbeat came within the last 2 s."""
        now_s = self._clock()
        return [one for _, at_s, one in self._heard.values() if one.kind == kind and now_s - at_s < MEMBERSHIP_TTL_S]

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SILENCE_S) as silence:
                    await self._watch.follow(lambda stored: self._hear(stored, silence))

    def _hear(self, stored: Mapping[str, Stored], silence: asyncio.Timeout) -> None:
        if silence.expired():  # and the cancellation was swallowed on its way, as wait_for of Python 3.11 may do: again
            raise asyncio.CancelledError
        now_s = self._told_s = self._clock()
        silence.reschedule(asyncio.get_running_loop().time() + _SILENCE_S)
        for key, one in stored.items():
            known = self._heard.get(key)
            if one.value is None:
                self._heard.pop(key, None)
            elif known is None or known[0] != one.revision:
                member = parse_member(one.value)
                if member is not None:
                    self._heard[key] = one.revision, now_s, member
        self._heard = {key: said for key, said in self._heard.items() if now_s - said[1] < 2 * MEMBERSHIP_TTL_S}
