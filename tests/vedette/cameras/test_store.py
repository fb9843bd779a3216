"""Desired cameras in a real KV bucket."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.js.kv import KeyValue

from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.buckets import CAMERAS
from vedette.bus.connection import Bus
from vedette.cameras.plan import Change
from vedette.cameras.record import CameraRecord, UnreadableRecord
from vedette.cameras.store import CameraStore, Snapshot
from vedette.config.camera_settings import Camera
from vedette.errors import BusMisfit, BusUnavailable, Conflict
from vedette.secrets.sealing import Sealer

SITE = "plant"
PRIVACY = [[[0.8, 0.0], [1.0, 0.0], [1.0, 0.2]]]


def camera(path: str = "1", **settings: object) -> Camera:
    return Camera.model_validate(
        {"url": f"rtsp://operator:s3cret@10.0.0.5/{path}", "pipeline": "people", "privacy": PRIVACY, **settings}
    )


def added(*names: str) -> list[Change]:
    return [Change(name, CameraRecord(name, camera(name), "api")) for name in names]


@pytest.fixture
def store(bus: Bus) -> CameraStore:
    return CameraStore(bus, SITE, Sealer(bytes(32)))


@asynccontextmanager
async def followed(store: CameraStore) -> AsyncIterator[list[Snapshot]]:
    told: list[Snapshot] = []
    async with background(store.follow(told.append)):
        await until(lambda: told, "the first snapshot")
        yield told


async def test_a_watch_that_says_too_early_that_it_has_told_all_is_not_believed(
    store: CameraStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nats-py 2.16 does when the server is faster than its next question."""
    watch = KeyValue.watch

    async def hasty(*arguments: Any, **options: Any) -> KeyValue.KeyWatcher:
        watcher = await watch(*arguments, **options)
        told: Any = watcher._updates
        told._queue.appendleft(None)
        return watcher

    await store.change(added("gate", "yard"), {})
    await store.change([Change("yard", None)], (await store.read()).revisions)
    await store.change(added("door"), {})
    monkeypatch.setattr(KeyValue, "watch", hasty)
    assert list((await store.read()).entries) == ["door", "gate"]
    async with followed(store) as told:
        await until(lambda: list(told[-1].entries) == ["door", "gate"], "all")
        assert all(list(snapshot.entries) == ["door", "gate"] for snapshot in told)


async def test_what_is_written_is_read_and_its_secrets_lie_there_sealed(bus: Bus, store: CameraStore) -> None:
    webhook = {"after": 3, "webhook": "https://hook.example/t0ken"}
    second = {"url": "rtsp://second:pa55@10.0.0.5/2", "view": {"offset": [0, 0.1], "scale": [1, 0.8]}}
    whole = camera(sampling={"fps": 3}, transport="udp", recovery=webhook, substream=second)
    await store.change([Change("gate", CameraRecord("gate", whole, "file", "digest"))], {})
    (entry,) = (await store.read()).entries.values()
    assert entry == CameraRecord("gate", whole, "file", "digest", entry.revision)
    raw = (await (await bus.bucket(CAMERAS)).get("plant.gate")).value
    assert raw is not None
    for secret in (b"s3cret", b"operator", b"t0ken", b"pa55", b"second"):
        assert secret not in raw
    assert json.loads(raw)["camera"]["privacy"] == PRIVACY


async def test_what_has_been_read_is_soon_forgotten_by_the_server(bus: Bus, store: CameraStore) -> None:
    await store.change(added("gate"), {})

    async def forgotten() -> bool:
        return (await bus.jetstream.stream_info(f"KV_{CAMERAS}")).state.consumer_count == 0

    for _ in range(20):
        await store.read()
    await until_async(forgotten, "no consumer is left")


async def test_all_changes_are_made_or_none(store: CameraStore) -> None:
    await store.change(added("a", "b"), {})
    before = await store.read()
    with pytest.raises(Conflict):
        await store.change([Change("a", None), *added("b", "c")], {**before.revisions, "b": 99})
    assert await store.read() == before
    await store.change([Change("a", None), *added("c")], before.revisions)
    assert list((await store.read()).entries) == ["b", "c"]


async def test_a_removed_camera_can_come_back(store: CameraStore) -> None:
    await store.change(added("a"), {})
    await store.change([Change("a", None)], (await store.read()).revisions)
    snapshot = await store.read()
    assert not snapshot.entries
    await store.change(added("a"), snapshot.revisions)
    assert list((await store.read()).entries) == ["a"]


async def test_two_who_edit_at_a_time_both_have_their_way(store: CameraStore) -> None:
    def one_more(snapshot: Snapshot) -> list[Change]:
        entry = snapshot.entries.get("a")
        fps = entry.camera.sampling.fps if isinstance(entry, CameraRecord) and entry.camera.sampling else 0
        return [Change("a", CameraRecord("a", camera(sampling={"fps": (fps or 0) + 1}), "api"))]

    await asyncio.gather(*(store.edit(one_more) for _ in range(3)))
    (entry,) = (await store.read()).entries.values()
    assert isinstance(entry, CameraRecord)
    assert entry.camera.sampling is not None
    assert entry.camera.sampling.fps == 3


async def test_over_a_thousand_at_once_are_refused(store: CameraStore) -> None:
    with pytest.raises(BusMisfit, match="1001"):
        await store.change([Change(f"c{n}", None) for n in range(1001)], {})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "is no camera's record"),
        (b"[]", "is no camera's record"),
        (b'{"version": 2}', "version"),
        (b'{"version": 1, "origin": "api", "camera": {"url": "rtsp://a:s3cret@b/", "pipeline": "p"}}', "url"),
        (b'{"version": 1, "origin": "api", "camera": {"url": {"sealed": "AAAA"}, "pipeline": "p"}}', "another key"),
        (b'{"version": 1, "origin": "api", "camera": {"pipeline": "p", "colour": 1}}', "colour"),
        (b'{"version": 1, "origin": "cloud", "camera": {}}', "origin"),
    ],
)
async def test_what_is_no_camera_is_told_as_such(bus: Bus, store: CameraStore, value: bytes, why: str) -> None:
    await (await bus.bucket(CAMERAS)).put("plant.gate", value)
    (entry,) = (await store.read()).entries.values()
    assert isinstance(entry, UnreadableRecord)
    assert why in entry.why
    assert "s3cret" not in entry.why


async def test_a_record_that_was_copied_from_another_camera_does_not_open(bus: Bus, store: CameraStore) -> None:
    await store.change(added("a"), {})
    bucket = await bus.bucket(CAMERAS)
    await bucket.put("plant.b", (await bucket.get("plant.a")).value or b"")
    assert isinstance((await store.read()).entries["b"], UnreadableRecord)


async def test_followers_are_told_of_every_change_of_their_site_alone(bus: Bus, store: CameraStore) -> None:
    async with followed(store) as told:
        assert not told[0].entries
        await CameraStore(bus, "elsewhere", store.sealer).change(added("x"), {})
        await store.change(added("a", "b"), {})
        await until(lambda: list(told[-1].entries) == ["a", "b"], "both")
        await store.change([Change("a", None)], told[-1].revisions)
        await until(lambda: list(told[-1].entries) == ["b"], "one")
        assert "x" not in told[-1].revisions


async def test_followers_hear_again_after_a_restart_of_the_server(
    nats_server: NatsServer, bus: Bus, store: CameraStore
) -> None:
    async with followed(store) as told:
        await store.change(added("a"), {})
        await until(lambda: "a" in told[-1].entries, "before")
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.connected, "the bus is back")
        await store.change(added("b"), (await store.read()).revisions)
        await until(lambda: list(told[-1].entries) == ["a", "b"], "after", deadline_s=5)


async def test_a_bucket_that_was_lost_gets_its_cameras_back(
    nats_server: NatsServer, bus: Bus, store: CameraStore
) -> None:
    async with followed(store) as told:
        await store.change(added("a", "b"), {})
        await until(lambda: len(told[-1].entries) == 2, "before")
        await asyncio.to_thread(nats_server.kill)
        await asyncio.to_thread(shutil.rmtree, nats_server.folder / "store")
        count = len(told)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: len(told) > count, "told again")
        assert list(told[-1].entries) == ["a", "b"]
    assert list((await store.read()).entries) == ["a", "b"]


async def test_what_was_written_into_the_new_bucket_stays_and_the_others_come_back(
    nats_server: NatsServer, bus: Bus, store: CameraStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = CameraStore._restore

    async def later(self: CameraStore, bucket: KeyValue) -> None:
        if self is store and self._latest:  # another gateway, which has just started, is the first
            await CameraStore(bus, SITE, store.sealer).change([newer], {})
        await restore(self, bucket)

    newer = Change("b", CameraRecord("b", camera("newer"), "file"))
    monkeypatch.setattr(CameraStore, "_restore", later)
    async with followed(store) as told:
        await store.change(added("a", "b"), {})
        await until(lambda: len(told[-1].entries) == 2, "before")
        await asyncio.to_thread(nats_server.kill)
        await asyncio.to_thread(shutil.rmtree, nats_server.folder / "store")
        count = len(told)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: len(told) > count, "told again")
        a, b = told[-1].entries.values()
    assert isinstance(a, CameraRecord)
    assert isinstance(b, CameraRecord)
    assert (a.camera, b.camera) == (camera("a"), camera("newer"))


async def test_without_a_bus_reading_and_writing_fail_at_once(bus: Bus, store: CameraStore) -> None:
    await bus.close()
    with pytest.raises(BusUnavailable):
        await store.read()
    with pytest.raises(BusUnavailable):
        await store.change(added("a"), {})


async def test_reading_and_following_leave_nothing_behind(bus: Bus, store: CameraStore) -> None:
    await store.read()
    tasks, listeners, subscriptions = asyncio.all_tasks(), len(bus._listeners), len(bus.client._subs)
    for _ in range(5):
        await store.read()
        async with followed(store):
            pass
    await until(lambda: not asyncio.all_tasks() - tasks, "no task is left")
    assert len(bus._listeners) == listeners
    assert len(bus.client._subs) == subscriptions


async def test_a_thousand_changes_that_come_together_are_told_a_few_times(store: CameraStore) -> None:
    """Who is told looks at all of them: a look for each change took a site of thousands minutes."""
    names = [f"cam-{number}" for number in range(1000)]
    async with followed(store) as told:
        await store.change(added(*names), {})
        await until(lambda: len(told[-1].entries) == 1000, "all are told")
        assert len(told) < 200
