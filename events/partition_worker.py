"""One partition in the hands of this worker, from taking its lease to giving it back.

Whatever goes wrong (the lease lost, the bus gone, a save refused) ends in the same way: what is in memory is thrown
away, and the partition is taken over anew when that can be done.
"""

import asyncio
import logging
from time import monotonic

from events import metrics
from events.owned_partition import OwnedPartition
from events.scenes.partition_scenes import SettingsOf
from events.snapshots.maker import SnapshotMaker
from vedette.background import background, end
from vedette.bus.connection import Bus
from vedette.errors import VedetteError
from vedette.fleet.leases import Lease
from vedette.retry import Backoff, Retry
from vedette.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0, healthy_after_s=10.0)


class PartitionWorker:
    """Runs until `stop`; then what is in hand is done and saved, and the lease given back."""

    def __init__(
        self,
        bus: Bus,
        partition: int,
        owner: str,
        settings_of: SettingsOf,
        save_every_s: float,
        snapshots: SnapshotMaker,
        tracer: Tracer | None = None,
    ) -> None:
        self.partition = partition
        self._bus = bus
        self._owner = owner
        self._settings_of = settings_of
        self._save_every_s = save_every_s
        self._maker = snapshots
        self._tracer = tracer
        self._lease = Lease(bus, f"TRACK.{partition}", owner)
        self._stop = asyncio.Event()
        self._owned: OwnedPartition | None = None

    @property
    def held(self) -> bool:
        """Whether the partition is ours now."""
        return self._lease.held

    @property
    def ready(self) -> bool:
        """It is ours, and all that is stored has been read."""
        return self._owned is not None and self._owned.ready

    @property
    def scenes(self) -> int:
        """How many cameras and pipelines are followed."""
        return len(self._owned.scenes) if self._owned else 0

    def stop(self) -> None:
        """End in order."""
        self._stop.set()

    def settings_changed(self) -> None:
        """Cameras have other zones, lines or masks now."""
        if self._owned is not None:
            self._owned.settings_changed = True

    async def run(self) -> None:
        """Own the partition whenever it can be had."""
        retry = Retry(_BACKOFF)
        async with background(self._lease.run()):
            while not self._stop.is_set():
                if not await self._until_held():
                    return
                began_s = monotonic()
                try:
                    await self._own()
                except VedetteError as error:
                    level = logging.WARNING if self._bus.connected else logging.DEBUG
                    logger.log(level, "partition %s is left: %s", self.partition, error)
                if not self._stop.is_set():
                    await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    async def _until_held(self) -> bool:
        """False: stopped first."""
        waits = [asyncio.create_task(self._lease.until_held()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(waits)
        return not self._stop.is_set()

    async def _own(self) -> None:
        """Until stopped; raises what ends it."""
        metrics.TAKEOVERS.inc()
        owned = self._owned = await OwnedPartition.take_over(
            self._bus,
            self.partition,
            self._lease,
            self._owner,
            self._settings_of,
            self._save_every_s,
            self._maker,
            self._tracer,
        )
        work = [asyncio.create_task(one) for one in (owned.read(), owned.keep(), owned.snapshots.run())]
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((*work, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not any(task.done() for task in work):
                async with owned.at_rest():
                    await end(work)
                await owned.save()
        finally:
            # Not a task group, which cancels once: a request of the library may swallow that (see `background.end`).
            await end((*work, stopping))
            self._owned = None
            owned.scenes.close()
        for task in work:
            if not task.cancelled():
                task.result()
