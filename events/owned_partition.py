"""What is known of a partition, and done for it, while it is ours.

Detections are read in order; what follows from them is published, and only when that is stored are they done. Every few
seconds the scenes that have changed are saved together with the position up to where all detections are done. Whoever
has the partition next begins with what was saved, reads the detections behind it again, and so comes to the same
events with the same ids: those that were published already are known by their ids, and are not published again.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from time import monotonic, time, time_ns

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
from events.stream.step_trace import begun
from events.stream.track import ensure_track, last_minute, last_of, last_of_subject, reach
from vedette.bus.connection import Bus
from vedette.errors import BusError
from vedette.fleet.leases import Lease
from vedette.messages import Hint
from vedette.object_messages import Snapshot
from vedette.streams import DETECTIONS, EVENTS
from vedette.subjects import PARTITIONS
from vedette.subjects import hint as hint_subject
from vedette.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
_TICK_EVERY_S = 2.0
_SAVE_POSITION_EVERY_S = 30.0
"""Of a partition without detections: its position follows those of the others."""


class OwnedPartition:
    """`read`, `keep` and `snapshots.run` run side by side; each raises what ends it."""

    def __init__(
        self,
        bus: Bus,
        partition: int,
        lease: Lease,
        save_every_s: float,
        maker: SnapshotMaker,
        saved: Saved,
        reached: int,
        store: SceneStore,
        publisher: Publisher,
        scenes: PartitionScenes,
        tracer: Tracer | None = None,
    ) -> None:
        """`reached`: up to there at most in `DETECTIONS` the predecessor came."""
        self.ready = False
        """All that is stored has been read."""
        self.settings_changed = False
        self._bus = bus
        self._partition = partition
        self._tracer = tracer
        self._lease = lease
        self._save_every_s = save_every_s
        self._save_position_at_s = 0.0
        self._saved_last: int | None = None
        """The last of `DETECTIONS`, where that is the position that was saved."""
        self._read_up = asyncio.Event()
        """All that was stored at the takeover has been read."""
        self._lock = asyncio.Lock()
        """Held by whoever changes, or looks at, all of it at once."""
        self._broken_off = False
        self._saving = asyncio.Lock()
        """Held during a save: one that is broken off would leave scenes unsaved. Taken before the other lock."""
        self._store = store
        self._taken_over = saved
        self._reached = reached
        self._feed = PartitionFeed(bus, partition, saved.position)
        self._publisher = publisher
        self.scenes = scenes
        self.snapshots = ObjectSnapshots(maker, self._announce)
        self.snapshots.begin(self.scenes.known, saved.names)

    @classmethod
    async def take_over(
        cls,
        bus: Bus,
        partition: int,
        lease: Lease,
        owner: str,
        settings_of: SettingsOf,
        save_every_s: float,
        maker: SnapshotMaker,
        tracer: Tracer | None = None,
    ) -> "OwnedPartition":
        """Whose lease we hold, from where its last owner has saved it.

        Raises:
            VedetteError: it can't be had now.
        """
        await ensure_track(bus)
        store = SceneStore(bus, partition, owner)
        saved = await store.take_over(Saved(await last_minute(bus), await last_of(bus, EVENTS)))
        reached = await last_of(bus, DETECTIONS)
        known = (await last_of_subject(bus, EVENTS, "vedette.events.>")).sequence
        published = await published_since(bus, partition, saved.events, known)
        publisher = Publisher(bus, lambda: lease.held, published.ids, known)
        scenes = PartitionScenes(settings_of, saved.scenes, monotonic(), published)
        return cls(bus, partition, lease, save_every_s, maker, saved, reached, store, publisher, scenes, tracer)

    async def read(self) -> None:
        async with aclosing(self._feed.arrivals()) as arrivals:
            async for arrival in arrivals:
                async with self._step():
                    began_ns = time_ns()
                    said = self.scenes.take(arrival.payload, arrival.source, arrival.position, monotonic())
                    trace = begun(self._tracer, self.scenes.traceparent, arrival.stored_at_s, began_ns)
                    await self._hint(self.scenes.hint)
                    said = [self.snapshots.named(one) for one in said]
                    self.snapshots.see(self.scenes.portraits, behind=not self._feed.caught_up)
                    onward = trace.onward if trace is not None else None
                    await self._publisher.publish([outgoing(one, onward) for one in said], arrival.stored_at_s)
                    if trace is not None:
                        trace.published([one.kind for one in said])
                    self._feed.done(arrival)

    async def _announce(self, key: SceneKey, object_id: str, snapshot: Snapshot) -> None:
        """There is a snapshot now; raises PartitionLost."""
        await self._read_up.wait()  # before, a predecessor may have told of the object's next events already
        async with self._step():
            said = self.scenes.pictured(key, object_id, snapshot)
            if said is not None:
                await self._publisher.publish([outgoing(said)], time())

    async def _hint(self, hinted: tuple[SceneKey, Hint] | None) -> None:
        """Nobody waits for it, and the next one is a second away: one that is lost is no harm."""
        if hinted is None or not self._bus.connected:
            return
        key, hint = hinted
        with suppress(NatsError):
            await self._bus.client.publish(hint_subject(key.site, key.camera), hint.model_dump_json().encode())
            metrics.HINTS.inc()

    async def keep(self) -> None:
        """Save and tick from time to time; raise when the lease is lost."""
        share = (self._partition + 1) / PARTITIONS  # not all at the same moment
        save_at_s, tick_at_s = monotonic() + share * self._save_every_s, monotonic() + share * _TICK_EVERY_S
        while True:
            if not self._lease.held:
                raise PartitionLost("the lease has run out")
            self.ready = self._feed.caught_up
            if self.ready:
                self._read_up.set()
            now_s = monotonic()
            if self.settings_changed or self.scenes.has_finished or now_s >= save_at_s:
                save_at_s = now_s + self._save_every_s
                async with self._saving:
                    await self.save()
            if self._feed.caught_up and now_s >= tick_at_s:
                tick_at_s = now_s + _TICK_EVERY_S
                async with self._step():
                    await self._tick()
            await asyncio.sleep(_LOOK_EVERY_S - monotonic() % _LOOK_EVERY_S)  # all partitions at a time

    async def _tick(self) -> None:
        said = self.scenes.tick(dt.datetime.now(dt.UTC))
        said = [self.snapshots.named(one) for one in said]
        await self._publisher.publish([outgoing(one) for one in said], time())
        self.scenes.forget(monotonic())
        self.snapshots.keep(self.scenes.known)

    async def save(self) -> None:
        """Save what has changed. Where nobody has detections there is nothing to look for: that costs one question."""
        self.scenes.has_finished = False
        try:
            last = None if self.scenes.has_unsaved else await last_of(self._bus, DETECTIONS)
            if last is None or last != self._saved_last:
                position = await self._save()
                self._saved_last = last if position == last else None
        except (BusError, EventsError):
            metrics.SAVES.labels("failed").inc()
            raise
        if self.settings_changed:  # after a save: what is read again afterwards is read with the new ones
            self.settings_changed = False
            async with self._lock:
                self.scenes.settings_changed()

    async def _save(self) -> int | None:
        """What is saved is of one moment. It is written while detections go on: a batch waits for the server's disk.

        The position, if that was saved.
        """
        held, events = await reach(self._bus, self._partition), await last_of(self._bus, EVENTS)
        scenes: dict[SceneKey, bytes | None] = {}
        async with self._lock:
            self._raise_if_broken_off()
            self._feed.prove(held)
            for key in self.scenes.unsaved():
                scenes[key] = self.scenes.dumped(key)
                await asyncio.sleep(0)  # the other partitions' detections don't wait for all of these
            position, names = self.scenes.safe(self._feed.position), self.snapshots.unwritten
        if not scenes and monotonic() < self._save_position_at_s:
            return None
        if position < self._reached:  # what was published for later detections is no part of the scenes yet
            events = self._taken_over.events
        await self._store.save(position, events, scenes, names)
        self._save_position_at_s = monotonic() + _SAVE_POSITION_EVERY_S
        metrics.SAVES.labels("saved").inc()
        return position

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Nothing is in hand meanwhile, nor being saved."""
        async with self._saving, self._lock:
            yield

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        """Change the scenes, and publish what follows. Scenes whose events are not stored must not be saved: nobody
        would tell of them again."""
        async with self._lock:
            self._raise_if_broken_off()
            self._broken_off = True
            yield
            self._broken_off = False

    def _raise_if_broken_off(self) -> None:
        """Raises PartitionLost where a step didn't come to its end."""
        if self._broken_off:
            raise PartitionLost("not all that has happened could be published")
