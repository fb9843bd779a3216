"""Snapshots of objects, by workers of a real server's partitions."""

import asyncio
import datetime as dt
import hashlib
from collections import Counter

import pytest
from nats.js.api import DiscardPolicy

from events import metrics
from tests.events.service.scenes import PIPELINE, SITE, Stored, Walk, count, stored, undisturbed
from tests.events.service.worker import working
from tests.events.snapshots.films import EAGER, film, is_of_snapshot, tell
from tests.nats_server import NatsServer
from tests.waiting import until_async
from vedette.bus.connection import Bus
from vedette.config.snapshots_settings import Snapshots
from vedette.errors import BusUnavailable
from vedette.object_messages import IDENTITY_MATCH, OBJECT_END, OBJECT_NEW
from vedette.snapshots.record import Query
from vedette.snapshots.store import STREAM, SnapshotStore
from vedette.streams import PICTURES


def walk(frames: int = 60) -> Walk:
    return Walk("gate", frames, "rtcp", begin=dt.datetime.now(dt.UTC).replace(microsecond=0))


def counted(outcome: str) -> float:
    """So many pictures had this outcome, in this process."""
    return float(metrics.SNAPSHOTS.labels(outcome)._value.get())


def of_scene(found: list[Stored]) -> list[Stored]:
    """Those that follow from detections."""
    return [one for one in found if not is_of_snapshot(one.kind, one.data.get("changed"))]


async def until_scene(bus: Bus, camera: Walk) -> list[Stored]:
    """All events that follow from the camera's detections are stored."""
    wanted = undisturbed(camera)

    async def there() -> bool:
        return await count(bus) >= len(wanted) and len(of_scene(await stored(bus))) >= len(wanted)

    await until_async(there, "all events are there", 60)
    found = await stored(bus)
    assert [one.essence for one in of_scene(found)] == wanted
    return found


async def until_snapshots(bus: Bus, query: Query, number: int) -> None:
    async def there() -> bool:
        return len((await SnapshotStore(bus).page(query)).records) >= number

    await until_async(there, f"{number} records", 60)


async def check(bus: Bus, found: list[Stored]) -> None:
    """No event is there twice, and each has its object's next revision; each snapshot that one names can be read, and
    is of its object."""
    revisions: dict[str, list[int]] = {}
    for event in found:
        revisions.setdefault(event.data["object"]["id"], []).append(event.data["revision"])
    assert all(counted == list(range(1, len(counted) + 1)) for counted in revisions.values()), revisions
    assert [one for one, times in Counter(event.id for event in found).items() if times > 1] == []
    store = SnapshotStore(bus)
    known = {
        (record.object, record.sha256): record for record in (await store.page(Query(site=SITE), limit=1000)).records
    }
    for event in found:
        snapshot = event.data.get("snapshot")
        if snapshot is not None:
            record = known[event.data["object"]["id"], snapshot["sha256"]]
            assert (record.kind, record.width, record.height) == ("crop", snapshot["width"], snapshot["height"])
            for sha256 in (snapshot["sha256"], snapshot["full"]):
                jpeg = await store.get(sha256)
                assert jpeg is not None
                assert hashlib.sha256(jpeg).hexdigest() == sha256


async def test_the_best_picture_of_each_object_is_stored_and_its_events_name_it(bus: Bus) -> None:
    camera = walk()
    async with working(bus, snapshots=EAGER):
        for seq in range(camera.frames - 15):
            await film(bus, camera, seq)
            if seq == 10:  # the first ones are known, and have a picture before they end
                await until_snapshots(bus, Query(), 4)
        for seq in range(camera.frames - 15, camera.frames):
            await film(bus, camera, seq)
        found = await until_scene(bus, camera)
    await check(bus, found)
    told = [one for one in found if is_of_snapshot(one.kind, one.data.get("changed"))]
    ended = [one for one in found if one.kind == OBJECT_END]
    assert told
    assert ended
    for one in told:
        assert one.id == f"{one.data['object']['id']}/{one.data['snapshot']['sha256']}"
    for one in ended:
        of_it = [other.data["snapshot"] for other in told if other.data["object"]["id"] == one.data["object"]["id"]]
        assert one.data.get("snapshot") == (of_it[-1] if of_it else None)
    records = (await SnapshotStore(bus).page(Query(camera="gate"), limit=1000)).records
    assert {(one.label, one.pipeline, one.person) for one in records} == {("person", PIPELINE, None)}


async def test_a_picture_that_is_gone_or_anothers_costs_the_snapshot_and_no_event(bus: Bus) -> None:
    camera, other = walk(), walk()
    kept = await bus.publish_confirmed(f"vedette.picture.{PIPELINE}.{SITE}.yard", b"of another camera", {})
    gone = counted("gone")
    async with working(bus, snapshots=EAGER):
        for seq in range(camera.frames):
            await tell(bus, other.event(seq), kept.seq if seq % 2 else 10_000)
        found = await until_scene(bus, other)
        await until_async(lambda: _is(counted("gone") > gone), "it is counted", 60)
    assert [one for one in found if one.data.get("snapshot")] == []


async def _is(condition: bool) -> bool:
    return condition


async def test_a_picture_that_is_no_jpeg_is_counted(bus: Bus) -> None:
    camera, undecodable = walk(), counted("undecodable")
    from tests.events.snapshots.films import headers

    async with working(bus, snapshots=EAGER):
        for seq in range(20):
            event = camera.event(seq)
            subject = f"vedette.picture.{PIPELINE}.{SITE}.gate"
            kept = await bus.publish_confirmed(subject, b"no picture", headers(event).encode())
            await tell(bus, event, kept.seq)
        await until_async(lambda: _is(counted("undecodable") > undecodable), "it is counted", 60)


async def test_a_store_that_takes_nothing_costs_the_snapshots_and_no_event(bus: Bus) -> None:
    camera, refused = walk(), counted("unavailable")
    config = (await bus.jetstream.stream_info(STREAM)).config
    await bus.jetstream.update_stream(config.evolve(max_bytes=1000, discard=DiscardPolicy.NEW))
    async with working(bus, snapshots=EAGER):
        for seq in range(camera.frames):
            await film(bus, camera, seq)
        found = await until_scene(bus, camera)
        await until_async(lambda: _is(counted("unavailable") > refused), "it is counted", 60)
    assert [one for one in found if one.data.get("snapshot")] == []
    assert (await SnapshotStore(bus).page(Query())).records == ()


async def test_a_worker_that_dies_between_event_and_picture_leaves_no_event_that_names_what_is_not_there(
    bus: Bus,
) -> None:
    camera = walk()
    seq = 0
    for stop in (8, 12, 60):
        async with working(bus, save_s=0.5, orderly=False, snapshots=EAGER):
            while seq < min(stop, camera.frames):
                await film(bus, camera, seq)
                seq += 1
            await until_async(lambda: _has(bus, OBJECT_NEW), "an object is there", 60)
    async with working(bus, snapshots=EAGER):
        found = await until_scene(bus, camera)
    await check(bus, found)


async def _has(bus: Bus, kind: str) -> bool:
    return any(one.kind == kind for one in await stored(bus))


async def test_a_successor_keeps_the_better_picture_of_its_predecessor(bus: Bus) -> None:
    camera = Walk("gate", 200, "rtcp", begin=dt.datetime.now(dt.UTC).replace(microsecond=0))
    once = Snapshots(every_s=0.1, better=10.0)
    async with working(bus, snapshots=once):
        for seq in range(12):
            await film(bus, camera, seq)
        await until_snapshots(bus, Query(), 4)
    before = (await SnapshotStore(bus).page(Query(), limit=1000)).records
    async with working(bus, snapshots=once):
        for seq in range(12, 50):
            await film(bus, camera, seq)
        await until_async(lambda: _has(bus, OBJECT_END), "the first ones have ended", 60)
    found = await stored(bus)
    await check(bus, found)
    first = {record.object for record in before}
    after = (await SnapshotStore(bus).page(Query(), limit=1000)).records
    assert {one.sha256 for one in after if one.object in first} == {one.sha256 for one in before}
    ended = [one for one in found if one.kind == OBJECT_END and one.data["object"]["id"] in first]
    assert ended
    assert all(one.data["snapshot"]["sha256"] in {record.sha256 for record in before} for one in ended)


async def test_the_server_is_killed_and_the_pictures_with_it(nats_server: NatsServer, bus: Bus) -> None:
    camera = walk()

    async def filmed(seq: int) -> None:
        while True:
            try:
                await film(bus, camera, seq)
                return
            except BusUnavailable:
                await asyncio.sleep(0.05)

    async with working(bus, snapshots=EAGER):
        for seq in range(camera.frames):
            await filmed(seq)
            if seq in (9, 30):
                await asyncio.to_thread(nats_server.restart)
        found = await until_scene(bus, camera)
    assert (await bus.jetstream.stream_info(PICTURES)).state.first_seq < camera.frames  # they were counted anew
    await check(bus, found)


async def test_a_person_is_in_the_records_of_all_pictures_and_they_go_with_the_person(bus: Bus) -> None:
    camera = walk()
    async with working(bus, snapshots=EAGER):
        for seq in range(8):
            await film(bus, camera, seq)
        await until_snapshots(bus, Query(), 2)
        for seq in range(8, 30):
            await film(bus, camera, seq, {"name": "Zoë", "similarity": 0.8, "liveness": 0.9})
        await until_async(lambda: _has(bus, IDENTITY_MATCH), "they are recognised", 60)
        await until_async(lambda: _all_named(bus), "all records have the name", 60)
    store = SnapshotStore(bus)
    records = (await store.page(Query(person="Zoë"), limit=1000)).records
    assert await store.delete_person("Zoë") == len({one.sha256 for one in records})
    assert [await store.get(one.sha256) for one in records] == [None] * len(records)
    assert (await store.page(Query())).records == ()


async def test_who_is_removed_while_in_the_picture_gets_no_other_one_under_the_name(bus: Bus) -> None:
    camera, store = walk(), SnapshotStore(bus)
    zoe: dict[str, str | float | bool] = {"name": "Zoë", "similarity": 0.8, "liveness": 0.9}
    async with working(bus, snapshots=EAGER):
        for seq in range(8):
            await film(bus, camera, seq, zoe)
        await until_snapshots(bus, Query(person="Zoë"), 4)
        await until_async(lambda: _all_named(bus), "all records have the name", 60)
        before, unwanted = {one.object for one in (await store.page(Query())).records}, counted("unwanted")
        await store.delete_person("Zoë")
        for seq in range(8, 16):  # nobody is recognised any more
            await film(bus, camera, seq, confidence=0.99)
        await until_async(lambda: _is(counted("unwanted") > unwanted), "a better picture is left out", 60)
    assert before.isdisjoint(one.object for one in (await store.page(Query())).records)


async def _all_named(bus: Bus) -> bool:
    records = (await SnapshotStore(bus).page(Query(), limit=1000)).records
    return bool(records) and all(one.person == "Zoë" for one in records)


async def test_no_picture_is_kept_where_that_is_switched_off(bus: Bus) -> None:
    camera = walk()
    async with working(bus, snapshots=Snapshots(enabled=False)):
        for seq in range(camera.frames):
            await film(bus, camera, seq)
        found = await until_scene(bus, camera)
    assert [one.essence for one in found] == undisturbed(camera)
    assert (await SnapshotStore(bus).page(Query())).records == ()


@pytest.mark.parametrize("full", [True, False])
async def test_the_whole_picture_is_kept_where_that_is_wanted(bus: Bus, full: bool) -> None:
    camera = walk(12)
    async with working(bus, snapshots=Snapshots(every_s=0.1, full=full)):
        for seq in range(camera.frames):
            await film(bus, camera, seq)
        await until_snapshots(bus, Query(), 2)
    kinds = {record.kind for record in (await SnapshotStore(bus).page(Query())).records}
    assert kinds == ({"crop", "full"} if full else {"crop"})
