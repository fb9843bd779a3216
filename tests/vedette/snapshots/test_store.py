"""The store of snapshots, with a real server."""

import asyncio
import datetime as dt
import hashlib

import pytest
from nats.js.api import StreamConfig

from tests.nats_server import NatsServer
from vedette.bus.connection import Bus, connect
from vedette.errors import BusUnavailable, MessageTooLarge
from vedette.snapshots.record import Query, SnapshotRecord, chunk_subject
from vedette.snapshots.store import STREAM, BadCursor, SnapshotStore
from vedette.streams import SNAPSHOTS

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def record(content: bytes, **more: object) -> SnapshotRecord:
    known = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "kind": "crop",
        "site": "plant-1",
        "camera": "gate",
        "pipeline": "people",
        "object": "01A",
        "label": "person",
        "captured_at": NOON,
        "width": 40,
        "height": 80,
    }
    return SnapshotRecord.model_validate(known | more)


async def put(store: SnapshotStore, content: bytes, **more: object) -> SnapshotRecord:
    stored = record(content, **more)
    await store.put([(stored, content)])
    return stored


async def messages(bus: Bus, part: str) -> int:
    info = await bus.jetstream.stream_info(STREAM, subjects_filter=f"$O.{SNAPSHOTS}.{part}.>")
    return len(info.state.subjects or {})


async def test_what_is_stored_is_read_back_here_and_by_the_librarys_object_store(bus: Bus) -> None:
    store = SnapshotStore(bus)
    stored = await put(store, b"a picture", person="Zoë Müller-Lüdenscheidt")
    assert await store.get(stored.sha256) == b"a picture"
    assert (await store.page(Query())).records == (stored,)
    theirs = await bus.jetstream.object_store(SNAPSHOTS)
    assert (await asyncio.wait_for(theirs.get(stored.sha256), 60)).data == b"a picture"
    assert await store.get("0" * 64) is None


async def test_the_same_content_is_one_object_however_often_it_is_stored(bus: Bus) -> None:
    store = SnapshotStore(bus)
    await put(store, b"whole", kind="full")
    sequence = (await bus.jetstream.stream_info(STREAM)).state.last_seq
    await put(store, b"whole", kind="full", object="01B")
    assert await messages(bus, "C") == 1
    assert (await bus.jetstream.stream_info(STREAM)).state.last_seq == sequence + 2  # a record, and its hour
    assert {one.object for one in (await store.page(Query())).records} == {"01A", "01B"}


async def test_pictures_are_deleted_by_camera_by_time_and_by_person(bus: Bus) -> None:
    store = SnapshotStore(bus)
    gate = await put(store, b"gate", camera="gate")
    late = await put(store, b"late", captured_at=NOON + dt.timedelta(hours=3, minutes=1))
    anna = await put(store, b"anna", camera="yard", person="Anna")
    assert await store.delete(Query(camera="gate", before=NOON + dt.timedelta(hours=3))) == 1
    assert [await store.get(one.sha256) for one in (gate, late, anna)] == [None, b"late", b"anna"]
    assert await store.delete_person("ANNA ") == 1
    assert await store.delete(Query(since=NOON, label="car")) == 0
    assert await store.delete(Query(since=NOON + dt.timedelta(hours=3))) == 1
    assert (await store.page(Query())).records == ()
    assert [await messages(bus, part) for part in "CMI"] == [0, 0, 0]


async def test_a_picture_that_was_taken_again_and_again_leaves_no_record_of_whom_it_showed(bus: Bus) -> None:
    """As of a source that shows the same frame for ever."""
    store = SnapshotStore(bus)
    for hours in range(3):
        await put(store, b"anna", person="Anna", object=f"01A{hours}", captured_at=NOON + dt.timedelta(hours=hours))
    assert await store.delete_person("Anna") == 1
    assert (await store.page(Query())).records == ()


async def test_a_picture_of_two_people_goes_with_either_of_them(bus: Bus) -> None:
    store = SnapshotStore(bus)
    whole = await put(store, b"both", kind="full", object="01A", person="Anna")
    await put(store, b"both", kind="full", object="01B", person="Bert")
    await put(store, b"bert", object="01B", person="Bert")
    assert await store.delete_person("Anna") == 1
    assert await store.get(whole.sha256) is None
    assert [one.person for one in (await store.page(Query())).records] == ["Bert"]


async def test_a_person_who_is_recognised_later_is_in_the_records_from_before(bus: Bus) -> None:
    store = SnapshotStore(bus)
    await put(store, b"first")
    await put(store, b"second", captured_at=NOON + dt.timedelta(hours=2))
    await put(store, b"another", object="01B")
    assert await store.name("plant-1", "gate", "01A", "Anna") == 2
    assert await store.name("plant-1", "gate", "01A", "Anna") == 0
    assert {one.sha256 for one in (await store.page(Query(person="Anna"))).records} == {
        record(b"first").sha256,
        record(b"second").sha256,
    }
    assert len((await store.page(Query())).records) == 3
    assert await store.delete_person("Anna") == 2


async def test_an_object_that_was_taken_for_two_people_is_found_and_deleted_with_either(bus: Bus) -> None:
    store = SnapshotStore(bus)
    early = await put(store, b"early", person="Anna")
    late = await put(store, b"late", captured_at=NOON + dt.timedelta(hours=2))
    assert await store.name("plant-1", "gate", "01A", "Bert") == 2
    assert await store.name("plant-1", "gate", "01A", "Bert") == 0
    found = {who: (await store.page(Query(person=who))).records for who in ("Anna", "Bert")}
    assert [one.sha256 for one in found["Anna"]] == [early.sha256]
    assert [one.sha256 for one in found["Bert"]] == [late.sha256, early.sha256]
    assert len((await store.page(Query())).records) == 2
    assert await store.delete_person("Bert") == 2
    assert (await store.page(Query())).records == ()


async def test_pages_give_each_record_once_and_the_latest_capture_first(bus: Bus) -> None:
    store = SnapshotStore(bus)
    for n in range(25):
        await put(store, b"%d" % n, captured_at=NOON + dt.timedelta(minutes=17 * n % 300))
    seen: list[SnapshotRecord] = []
    begin = None
    while True:
        page = await store.page(Query(camera="gate"), limit=7, begin=begin)
        seen += page.records
        if page.next is None:
            break
        begin = page.next
    assert len(seen) == 25
    assert [one.key.order for one in seen] == sorted({one.key.order for one in seen}, reverse=True)
    with pytest.raises(BadCursor):
        await store.page(Query(), begin="no cursor")


async def test_when_the_store_is_full_the_oldest_goes_and_what_is_listed_can_be_read(bus: Bus) -> None:
    store = SnapshotStore(bus)
    config: StreamConfig = (await bus.jetstream.stream_info(STREAM)).config
    await bus.jetstream.update_stream(config.evolve(max_bytes=300_000))
    for n in range(10):
        await put(store, b"%d" % n + bytes(50_000), captured_at=NOON + dt.timedelta(seconds=n))
    listed = (await store.page(Query())).records
    assert 4 <= len(listed) < 10
    assert listed[0].captured_at == NOON + dt.timedelta(seconds=9)
    assert all([await store.get(one.sha256) for one in listed])


async def test_a_picture_over_the_servers_limit_is_refused_and_the_connection_stays(bus: Bus) -> None:
    store = SnapshotStore(bus)
    with pytest.raises(MessageTooLarge):
        await put(store, bytes(bus.client.max_payload))
    assert bus.connected
    assert (await store.page(Query())).records == ()


async def test_a_damaged_picture_is_none(bus: Bus) -> None:
    store = SnapshotStore(bus)
    stored = await put(store, b"a picture")
    await bus.jetstream.publish(chunk_subject(stored.sha256), b"another")
    assert await store.get(stored.sha256) is None


async def test_a_store_whose_server_is_gone_says_so_and_goes_on_when_it_is_back(nats_server: NatsServer) -> None:
    async with await connect(nats_server.address, "test") as bus:
        store = SnapshotStore(bus)
        stored = await put(store, b"kept")
        nats_server.kill()
        for request in (store.get(stored.sha256), store.page(Query()), store.delete(Query())):
            with pytest.raises(BusUnavailable):
                await request
        with pytest.raises(BusUnavailable):
            await put(store, b"lost")
        await asyncio.to_thread(nats_server.start)
        back = asyncio.Event()

        async def returned() -> None:
            back.set()

        bus.on_reconnect(returned)
        if not bus.connected:
            await asyncio.wait_for(back.wait(), 60)
        assert await store.get(stored.sha256) == b"kept"
        assert await store.delete_person("nobody") == 0
