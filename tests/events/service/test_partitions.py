"""One partition after another owner, behind, twice claimed; and what is published then."""

import asyncio
import datetime as dt
import json
from collections import Counter
from contextlib import aclosing
from dataclasses import replace

import pytest
from nats.js.api import StreamConfig

from events.errors import PartitionLost
from events.owned_partition import OwnedPartition
from events.scene_settings import CameraSettings
from events.scenes.camera_scene import SceneKey
from events.scenes.scene_store import Saved, SceneStore
from events.snapshots.maker import SnapshotMaker
from events.stream.outgoing import outgoing
from events.stream.partition_feed import PartitionFeed
from events.stream.track import ensure_track, where
from tests.events.service.scenes import SITE, Walk, count, publish, stored, undisturbed
from tests.events.service.worker import plain, working
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.buckets import CAMERAS, SCENES
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.snapshots_settings import Snapshots
from vedette.fleet.leases import Lease
from vedette.object_messages import ObjectEvent, Snapshot
from vedette.streams import EVENTS, TRACK, track_stream
from vedette.subjects import partition_of

NOTHING = Saved(0, 0)
A_SNAPSHOT = Snapshot(sha256="0" * 64, width=1, height=1)
CLIP = Walk("clip-1795371818588", 120, epoch=1795371818588)


async def until_events(bus: Bus, wanted: int) -> None:
    async def there() -> bool:
        return await count(bus) >= wanted

    await until_async(there, f"{wanted} events", 60)


async def essences(bus: Bus, camera: str = CLIP.camera) -> list[tuple[str, str, str]]:
    return [event.essence for event in await stored(bus) if event.camera == camera]


async def test_a_recording_that_comes_out_of_order_and_doubled_has_the_events_of_one_in_order(bus: Bus) -> None:
    events = list(CLIP.events())
    for start in range(0, len(events), 8):
        events[start : start + 8] = reversed(events[start : start + 8])
    async with working(bus):
        for event in events:
            await publish(bus, event)
            again = event.model_copy(update={"id": f"{event.id}-again"})  # the server can't know that it is a double
            await publish(bus, again)
        await until_events(bus, len(undisturbed(CLIP)))
    assert await essences(bus) == undisturbed(CLIP)


@pytest.mark.parametrize("unread", [False, True])
async def test_what_a_dead_worker_published_is_known_after_two_who_did_no_more_than_take_over(
    bus: Bus, unread: bool
) -> None:
    camera = Walk("gate", 20)
    partition = partition_of(SITE, camera.camera)
    lease = Lease(bus, f"TRACK.{partition}", "one")

    async def saved() -> Saved:
        return await SceneStore(bus, partition, "anyone").take_over(NOTHING)

    async def taken_over() -> OwnedPartition:
        return await OwnedPartition.take_over(
            bus, partition, lease, "one", plain, 60.0, SnapshotMaker(bus, Snapshots())
        )

    async def is_saved() -> bool:
        state = await bus.bucket(SCENES)
        return int(json.loads((await state.get(f"p{partition}")).value or b"{}")["position"]) >= 10

    async with working(bus, save_s=0.5, orderly=False):
        for seq in range(10):
            await publish(bus, camera.event(seq))
        await until_async(is_saved, "its scene is saved", 60)
    async with background(lease.run()):
        await lease.until_held()
        first = await saved()
        (key, state), *_ = first.scenes.items()
        objects = [one["id"] for one in state["scene"]["objects"].values()]
        late = await taken_over()
        for name in objects:
            said = late.scenes.pictured(key, name, A_SNAPSHOT)
            assert said is not None
            await late._publisher.publish([outgoing(said)], 0.0)
        if unread:
            await publish(bus, camera.event(10))
        for _ in range(2):
            successor = await taken_over()
            await successor.save()
            assert ((await saved()).events == first.events) is unread
        for name in objects:
            said = successor.scenes.pictured(key, name, A_SNAPSHOT.model_copy(update={"sha256": "1" * 64}))
            assert said is not None
            assert isinstance(said.data, ObjectEvent)
            assert said.data.revision == 3


async def test_partitions_are_those_that_the_server_makes(bus: Bus) -> None:
    await ensure_track(bus)
    cameras = [f"cam-{n}" for n in range(40)]
    for camera in cameras:
        await publish(bus, Walk(camera, 1).event(0))

    async def there() -> bool:
        return bool((await bus.jetstream.stream_info(TRACK)).state.messages == len(cameras))

    await until_async(there, "all are in TRACK")
    info = await bus.jetstream.stream_info(TRACK, subjects_filter=">")
    assert set(info.state.subjects or {}) == {
        f"vedette.track.{partition_of('plant-1', camera)}.plant-1.{camera}.people" for camera in cameras
    }


async def test_what_the_last_minute_does_not_hold_any_more_is_read_from_the_stream_of_detections(bus: Bus) -> None:
    events = list(CLIP.events())
    async with working(bus):
        for event in events[:40]:
            await publish(bus, event)
        before = sum(len(undisturbed(replace(CLIP, frames=frames))) for frames in (40,))
        await until_async(lambda: _at_least(bus, before - 4), "it is under way", 60)
    for event in events[40:80]:
        await publish(bus, event)
    await bus.jetstream.delete_stream(TRACK)
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)  # it holds nothing of before
    await bus.jetstream.add_stream(track_stream(bus.address.retention, 1, now))
    async with working(bus):
        for event in events[80:]:
            await publish(bus, event)
        await until_events(bus, len(undisturbed(CLIP)))
    assert await essences(bus) == undisturbed(CLIP)


async def _at_least(bus: Bus, wanted: int) -> bool:
    return await count(bus) >= wanted


async def test_nothing_is_published_twice_though_the_server_has_forgotten_the_ids(
    nats_server: NatsServer, bus: Bus
) -> None:
    async with await connect(nats_server.address, "worker", keeps_streams=False) as own:  # else it restores the window
        config = (await bus.jetstream.stream_info(EVENTS)).config
        await bus.jetstream.update_stream(config.evolve(duplicate_window=0.1))
        first = [event for event in CLIP.events() if event.data.frame.seq < 100]
        async with working(own, save_s=3600, orderly=False):
            for event in first:
                await publish(bus, event)
            await until_async(lambda: _at_least(bus, len(undisturbed(CLIP)) - 5), "most events are there", 60)
            await publish(bus, Walk("cam-1", 1, "rtcp").event(0))
        before = await count(bus)
        async with working(own):
            for event in list(CLIP.events())[100:]:
                await publish(bus, event)
            await until_events(bus, len(undisturbed(CLIP)))
        assert before > 3
        found = await stored(bus)
        assert [ident for ident, times in Counter(event.id for event in found).items() if times > 1] == []
        assert [event.essence for event in found] == undisturbed(CLIP)


async def test_who_was_deposed_saves_nothing_any_more(bus: Bus) -> None:
    key = SceneKey("plant-1", "gate", "people")
    old, new = SceneStore(bus, 3, "old"), SceneStore(bus, 3, "new")
    await old.take_over(NOTHING)
    names = {"01A": (key, "Zoë")}
    await old.save(5, 1, {key: b'{"of": "old"}'}, names)
    taken = await new.take_over(NOTHING)
    assert (taken.position, taken.events, taken.scenes, taken.names) == (5, 1, {key: {"of": "old"}}, names)
    with pytest.raises(PartitionLost):
        await old.save(9, 2, {key: b'{"of": "the past"}'})
    await new.save(7, 2, {key: b'{"of": "new"}'})
    await new.save(8, 2, {key: None})
    saved = await SceneStore(bus, 3, "third").take_over(NOTHING)
    assert (saved.position, saved.scenes, saved.names) == (8, {}, {})


async def test_more_scenes_than_one_batch_takes_are_saved(bus: Bus) -> None:
    store = SceneStore(bus, 3, "one")
    await store.take_over(NOTHING)
    scenes: dict[SceneKey, bytes | None] = {SceneKey("plant-1", f"cam-{n}", "people"): b"{}" for n in range(2100)}
    await store.save(5, 1, scenes)
    await store.save(6, 1, dict.fromkeys(list(scenes)[:1100], b"[]"))
    saved = await SceneStore(bus, 3, "two").take_over(NOTHING)
    assert (saved.position, len(saved.scenes)) == (6, 2100)


async def test_a_worker_that_joins_gets_its_share_and_gives_it_back(nats_server: NatsServer, bus: Bus) -> None:
    async with working(bus) as first:
        assert first.held == list(range(16))
        async with await connect(nats_server.address, "second") as other, working(other) as second:
            await until(lambda: len(first.held) + len(second.held) == 16, "they have shared", 60)
            assert set(first.held) & set(second.held) == set()
            assert second.held
        await until(lambda: first.held == list(range(16)), "all are the first one's again", 60)


async def test_zones_that_are_changed_in_the_bucket_are_those_of_the_scenes(bus: Bus) -> None:
    settings, told = CameraSettings(Config.model_validate({"site": "plant-1"})), []
    key, zone = SceneKey("plant-1", "gate", "people"), {"yard": {"polygon": [[0, 0], [1, 0], [1, 1]]}}
    bucket = await bus.bucket(CAMERAS)
    await bucket.put("plant-1.gate", json.dumps({"camera": {"zones": zone}}).encode())
    async with background(settings.follow(bus, lambda: told.append(True))):
        await settings.until_known()
        assert [one.name for one in settings.of(key).zones] == ["yard"]
        assert [one.name for one in settings.of(key._replace(camera="gate-1795371818588")).zones] == ["yard"]
        await bucket.put("plant-1.gate", json.dumps({"camera": {"zones": {}}}).encode())
        await until(lambda: not settings.of(key).zones, "the zone is gone")
    assert len(told) >= 2


def test_the_stream_of_partitions_is_bounded() -> None:
    config: StreamConfig = track_stream(Config.model_validate({}).retention, 3, dt.datetime.now(dt.UTC))
    assert config.max_bytes
    assert config.max_age == 60
    assert config.num_replicas == 3


async def test_a_feed_begins_where_it_left_off_rather_than_a_minute_back(bus: Bus) -> None:
    await ensure_track(bus)
    positions = [await publish(bus, Walk(f"cam-{n % 5}", 40, "rtcp").event(n)) for n in range(40)]

    async def there() -> bool:
        return bool((await bus.jetstream.stream_info(TRACK)).state.messages == len(positions))

    await until_async(there, "all are in TRACK")
    assert await where(bus, positions[0]) == 0
    assert await where(bus, positions[30]) == 31
    assert await where(bus, positions[-1] + 100) == 0
    await bus.jetstream.purge_stream(TRACK, keep=20)
    assert await where(bus, positions[30]) == 31
    feed = PartitionFeed(bus, partition_of("plant-1", "cam-0"), positions[30])
    async with aclosing(feed.arrivals()) as arrivals:
        first = await asyncio.wait_for(anext(arrivals), 60)
    assert (first.position, first.source) == (positions[35], SceneKey("plant-1", "cam-0", "people"))
