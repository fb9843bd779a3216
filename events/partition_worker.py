"""One partition in the hands of this worker, from taking it over to leaving it.

Detections are read in order; what follows from them is published, and only when that is stored are they done. Every few
seconds the scenes that have changed are saved together with the position up to where all detections are done. Whoever
has the partition next begins with what was saved, reads the detections behind it again, and so comes to the same
events with the same ids: those that were published already are known by their ids, and are not published again.

Whatever goes wrong (the lease lost, the bus gone, a save refused) ends in the same way: what is in memory is thrown
away, and the partition is taken over anew when that can be done.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from time import monotonic, time

from nats.errors import Error as NatsError

from events import metrics
from events.errors import EventsError, PartitionLost
from events.scenes.camera_scene import SceneKey
from events.scenes.partition_scenes import PartitionScenes, SettingsOf
from events.scenes.scene_store import Saved, SceneStore
from events.snapshots.maker import SnapshotMaker
from events.snapshots.object_snapshots import ObjectSnapshots
from events.stream.outgoing import outgoing
from events.stream.partition_feed import PartitionFeed
from events.stream.publisher import Publisher, published_since
from events.stream.track import ensure_track, last_minute, last_of, reach
from vedette.background import background, end
from vedette.bus import Bus
from vedette.errors import BusError, BusUnavailable, VedetteError
from vedette.leases import Lease
from vedette.messages import Hint
from vedette.object_messages import Snapshot
from vedette.retry import Backoff, Retry
from vedette.streams import EVENTS
from vedette.subjects import PARTITIONS
from vedette.subjects import hint as hint_subject

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=2.0, healthy_after_s=10.0)
_LOOK_EVERY_S = 0.25
_TICK_EVERY_S = 2.0
_SAVE_POSITION_EVERY_S = 30.0
"""Of a partition without detections: its position follows those of the others."""


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
    ) -> None:
        self.partition = partition
        self.ready = False
        """It is ours, and all that is stored has been read."""
        self._bus = bus
        self._owner = owner
        self._settings_of = settings_of
        self._save_every_s = save_every_s
        self._maker = snapshots
        self._lease = Lease(bus, f"TRACK.{partition}", owner)
        self._stop = asyncio.Event()
        self._owned: _Owned | None = None

    @property
    def held(self) -> bool:
        """Whether the partition is ours now."""
        return self._lease.held

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
                finally:
                    self.ready = False
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
        owned = self._owned = await self._take_over()
        running = self._read(owned), self._keep(owned), owned.snapshots.run()
        work = [asyncio.create_task(one) for one in running]
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((*work, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not any(task.done() for task in work):
                async with owned.saving, owned.lock:  # what is in hand is done
                    await end(work)
                await self._save(owned)
        finally:
            # Not a task group, which cancels once: a request of the library may swallow that (see `background.end`).
            await end((*work, stopping))
            self._owned = None
            owned.scenes.close()
        for task in work:
            if not task.cancelled():
                task.result()

    async def _take_over(self) -> "_Owned":
        await ensure_track(self._bus)
        store = SceneStore(self._bus, self.partition, self._owner)
        saved = await store.take_over(Saved(await last_minute(self._bus), await last_of(self._bus, EVENTS)))
        published = await published_since(self._bus, self.partition, saved.events, await last_of(self._bus, EVENTS))
        return _Owned(self, saved, store, published)

    async def _read(self, owned: "_Owned") -> None:
        async with aclosing(owned.feed.arrivals()) as arrivals:
            async for arrival in arrivals:
                async with owned.step():
                    said = owned.scenes.take(arrival.payload, arrival.source, arrival.position, monotonic())
                    await self._hint(owned.scenes.hint)
                    said = [owned.snapshots.named(one) for one in said]
                    owned.snapshots.see(owned.scenes.portraits, behind=not owned.feed.caught_up)
                    await owned.publisher.publish([outgoing(one) for one in said], arrival.stored_at_s)
                    owned.feed.done(arrival)

    async def announce(self, owned: "_Owned", key: SceneKey, object_id: str, snapshot: Snapshot) -> None:
        """There is a snapshot now; raises PartitionLost."""
        async with owned.lock:
            said = owned.scenes.pictured(key, object_id, snapshot)
            if said is not None:
                await owned.publisher.publish([outgoing(said)], time())

    async def _hint(self, hinted: tuple[SceneKey, Hint] | None) -> None:
        """Nobody waits for it, and the next one is a second away: one that is lost is no harm."""
        if hinted is None or not self._bus.connected:
            return
        key, hint = hinted
        with suppress(NatsError):
            await self._bus.client.publish(hint_subject(key.site, key.camera), hint.model_dump_json().encode())
            metrics.HINTS.inc()

    async def _keep(self, owned: "_Owned") -> None:
        """Save and tick from time to time; raise when the lease is lost."""
        share = (self.partition + 1) / PARTITIONS  # not all at the same moment
        save_at_s, tick_at_s = monotonic() + share * self._save_every_s, monotonic() + share * _TICK_EVERY_S
        while True:
            if not self._lease.held:
                raise PartitionLost("the lease has run out")
            self.ready = owned.feed.caught_up
            now_s = monotonic()
            if owned.settings_changed or owned.scenes.has_finished or now_s >= save_at_s:
                save_at_s = now_s + self._save_every_s
                async with owned.saving:
                    await self._save(owned)
            if owned.feed.caught_up and now_s >= tick_at_s:
                tick_at_s = now_s + _TICK_EVERY_S
                async with owned.step():
                    await self._tick(owned)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _tick(self, owned: "_Owned") -> None:
        said = owned.scenes.tick(dt.datetime.now(dt.UTC))
        said = [owned.snapshots.named(one) for one in said]
        await owned.publisher.publish([outgoing(one) for one in said], time())
        owned.scenes.forget(monotonic())
        owned.snapshots.keep(owned.scenes.known)

    async def _save(self, owned: "_Owned") -> None:
        """What is saved is of one moment. It is written while detections go on: a batch waits for the server's disk."""
        owned.scenes.has_finished = False
        try:
            held, events = await reach(self._bus, self.partition), await last_of(self._bus, EVENTS)
            scenes: dict[SceneKey, bytes | None] = {}
            async with owned.lock:
                owned.raise_if_broken_off()
                owned.feed.prove(held)
                for key in owned.scenes.unsaved():
                    scenes[key] = owned.scenes.dumped(key)
                    await asyncio.sleep(0)  # the other partitions' detections don't wait for all of these
                position = owned.scenes.safe(owned.feed.position)
            await self._write_names(owned)
            if scenes or monotonic() >= owned.save_position_at_s:
                await owned.store.save(position, events, scenes)
                owned.save_position_at_s = monotonic() + _SAVE_POSITION_EVERY_S
                metrics.SAVES.labels("saved").inc()
        except (BusError, EventsError):
            metrics.SAVES.labels("failed").inc()
            raise
        if owned.settings_changed:  # after a save: what is read again afterwards is read with the new ones
            owned.settings_changed = False
            async with owned.lock:
                owned.scenes.settings_changed()

    async def _write_names(self, owned: "_Owned") -> None:
        """Before the position: who takes over from there hears no more of who was recognised before it."""
        try:
            await owned.snapshots.write_names()
        except BusUnavailable as error:  # objects that are still there are named by the next owner
            logger.warning("partition %s: records of snapshots wait for their names: %s", self.partition, error)


class _Owned:
    """What is known of a partition while it is ours."""

    def __init__(self, worker: PartitionWorker, saved: Saved, store: SceneStore, published: set[str]) -> None:
        self.lock = asyncio.Lock()
        """Held by whoever changes, or looks at, all of it at once."""
        self._broken_off = False
        self.saving = asyncio.Lock()
        """Held during a save: one that is broken off would leave scenes unsaved. Taken before the other lock."""
        self.settings_changed = False
        self.save_position_at_s = 0.0
        self.store = store
        self.feed = PartitionFeed(worker._bus, worker.partition, saved.position)
        self.scenes = PartitionScenes(worker._settings_of, saved.scenes, monotonic())
        self.publisher = Publisher(worker._bus, lambda: worker._lease.held, published)
        self.snapshots = ObjectSnapshots(worker._maker, partial(worker.announce, self))
        self.snapshots.begin(self.scenes.known)

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Change the scenes, and publish what follows. Scenes whose events are not stored must not be saved: nobody
        would tell of them again."""
        async with self.lock:
            self._broken_off = True
            yield
            self._broken_off = False

    def raise_if_broken_off(self) -> None:
        """Raises PartitionLost where a step didn't come to its end."""
        if self._broken_off:
            raise PartitionLost("not all that has happened could be published")
