"""Some keys of a KV bucket, read at once or followed: what there is first, then each change.

It keeps clear of what nats-py 2.16 does wrong with a watch: its word that all has been told may come too early, since
what waits in the client is not counted (so keys are counted here); it falls silent when the server has forgotten it,
after a reconnect or otherwise (so it is made anew then, and from time to time).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from time import monotonic
from typing import NamedTuple

from nats.errors import Error as NatsError
from nats.js.kv import KeyValue

from vedette.bus.connection import Bus, describe
from vedette.errors import BusError, BusUnavailable
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_SILENCE_S = 10.0
_BACKOFF = Backoff(first_s=0.2, cap_s=5.0)
_ANEW_AFTER_S = 60.0
_FORGOTTEN_AFTER_S, _READ_FORGOTTEN_AFTER_S = 30.0, 2.0
_BREATH = 64
"""Keys after which others in the event loop get their turn: thousands may have been told at once."""


class Stored(NamedTuple):
    """One key as it lies in the bucket."""

    value: bytes | None
    """None: it was removed (until a day later)."""
    revision: int


class BucketWatch:
    """Of the keys that match one filter, as `site.*`."""

    def __init__(self, bus: Bus, bucket: str, keys: str) -> None:
        self._bus = bus
        self._bucket = bucket
        self._keys = keys

    async def read(self) -> Mapping[str, Stored]:
        """The keys as they are now, removed ones too.

        Raises:
            BusUnavailable: not connected, or silence for ten seconds.
        """
        try:
            async with (
                asyncio.timeout(_SILENCE_S) as silence,
                self._watch(_READ_FORGOTTEN_AFTER_S) as watcher,
                aclosing(self._told(watcher, silence)) as told,
            ):
                async for known in told:
                    return dict(known)
            raise NatsError("the connection was lost")
        except (NatsError, TimeoutError) as error:
            raise BusUnavailable(f"{self._bucket}: {describe(error)}") from error

    async def follow(
        self,
        tell: Callable[[Mapping[str, Stored]], None],
        begin: Callable[[KeyValue], Awaitable[None]] | None = None,
    ) -> None:
        """Tell the keys, now and after each change, until cancelled. Errors of the bus are retried.

        What is told is the same mapping each time: it goes on changing. `begin` is awaited before each watch.
        """
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                await self._follow(tell, begin)
            except (NatsError, TimeoutError, BusError) as error:
                level = logging.WARNING if self._bus.connected else logging.DEBUG
                logger.log(level, "%s can't be followed: %s", self._bucket, describe(error))
                await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    async def _follow(
        self,
        tell: Callable[[Mapping[str, Stored]], None],
        begin: Callable[[KeyValue], Awaitable[None]] | None,
    ) -> None:
        if begin is not None:
            await begin(await self._bus.bucket(self._bucket))
        with suppress(TimeoutError):
            async with (
                self._watch(_FORGOTTEN_AFTER_S) as watcher,
                aclosing(self._told(watcher)) as told,
                asyncio.timeout(_ANEW_AFTER_S),
            ):
                async for known in told:
                    tell(known)

    async def _told(
        self, watcher: KeyValue.KeyWatcher, silence: asyncio.Timeout | None = None
    ) -> AsyncGenerator[dict[str, Stored]]:
        known: dict[str, Stored] = {}
        keys: int | None = None
        heard = 0
        async for update in watcher:
            if update is not None:
                removed = update.operation is not None
                known[update.key] = Stored(None if removed else update.value or b"", update.revision or 0)
            elif keys is None:
                keys = await self._count()
            heard += 1
            # Who is told may look at all keys: of a thousand changes that have come together it is told once.
            if keys is not None and len(known) >= keys and (watcher._updates.empty() or heard % _BREATH == 0):
                yield known
            if heard % _BREATH == 0:
                if silence is not None:
                    silence.reschedule(asyncio.get_running_loop().time() + _SILENCE_S)
                await asyncio.sleep(0)

    async def _count(self) -> int:
        """Removed ones too."""
        info = await self._bus.jetstream.stream_info(
            f"KV_{self._bucket}", subjects_filter=f"$KV.{self._bucket}.{self._keys}"
        )
        return len(info.state.subjects or {})

    @asynccontextmanager
    async def _watch(self, forgotten_after_s: float) -> AsyncIterator[KeyValue.KeyWatcher]:
        """It ends when the connection comes back. Each is a consumer, which lies in the server for
        `forgotten_after_s` when nobody listens to it any more."""
        bucket = await self._bus.bucket(self._bucket)
        watcher = await bucket.watch(self._keys, inactive_threshold=forgotten_after_s)

        async def stop() -> None:
            with suppress(NatsError):
                await watcher.stop()  # type: ignore[no-untyped-call]

        forget = self._bus.on_reconnect(stop)
        try:
            yield watcher
        finally:
            forget()
            await stop()
