"""The SDK with a real server: live readers, through doubles, crashes and rubbish, and what is said of wrong use."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vedette
from tests.nats_server import NatsServer
from tests.vedette.reading import DURABLE, publish, seqs, take
from tests.vedette.samples import FEED, detections, encoded, status
from tests.waiting import until, until_async
from vedette.bus.address import embedded_address_file, embedded_logins
from vedette.bus.connection import Bus
from vedette.errors import BusMisfit, BusUnavailable, ConfigError
from vedette.roles.login import role_file
from vedette.subjects import status as status_subject
from vedette.subscriber import feeds as event_feeds
from vedette.subscriber import subscribe as subscriber


async def test_a_live_reader_gets_typed_events_as_they_come(nats_server: NatsServer, bus: Bus) -> None:
    async with vedette.subscribe(nats_server.url) as events:
        await publish(bus, detections(0), detections(1))
        received = await take(events, 2)
    assert received == [detections(0), detections(1)]


async def test_a_live_reader_of_everything_gets_status_too(nats_server: NatsServer, bus: Bus) -> None:
    async with vedette.subscribe(nats_server.url, "vedette.*.plant-1.>") as events:
        await bus.publish_confirmed(status_subject("plant-1", "gate"), encoded(status()), {})
        await publish(bus, detections(0))
        assert await take(events, 2) == [status(), detections(0)]


async def test_the_first_use_connects_without_async_with(nats_server: NatsServer, bus: Bus) -> None:
    events = vedette.subscribe(nats_server.url)
    first = asyncio.create_task(anext(events))
    while not first.done():
        await bus.client.publish(FEED.detections, encoded(detections(3)))
        await asyncio.wait([first], timeout=0.02)
    assert seqs([first.result()]) == [3]
    await events.aclose()


async def test_doubles_and_deposed_owners_are_left_out(nats_server: NatsServer, bus: Bus) -> None:
    async with vedette.subscribe(nats_server.url) as events:
        for event in (detections(0), detections(0), detections(0, epoch=8), detections(1), detections(1, epoch=8)):
            await bus.client.publish(FEED.detections, encoded(event))
        received = await take(events, 3)
        assert [event.id for event in received] == [
            "plant-1/gate/people/7-0",
            "plant-1/gate/people/8-0",
            "plant-1/gate/people/8-1",
        ]
        assert (events.repeated, events.superseded, events.malformed, events.lost) == (1, 1, 0, 0)


async def test_rubbish_is_counted_and_the_reader_goes_on(
    nats_server: NatsServer, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    rubbish = (b"", b"\xff\xd8\xff", b"{}", json.dumps({"type": "dev.vedette.detections.v1"}).encode())
    async with vedette.subscribe(nats_server.url) as events:
        for payload in rubbish:
            await bus.client.publish(FEED.detections, payload)
        await publish(bus, detections(0))
        assert seqs(await take(events, 1)) == [0]
        assert events.malformed == 4
    assert "left out" in caplog.text


@pytest.mark.parametrize("durable", [None, DURABLE])
async def test_a_subject_that_is_no_text_stops_no_reader(
    nats_server: NatsServer, bus: Bus, durable: str | None
) -> None:
    """The server takes it of whoever may publish there, and stores it."""
    async with vedette.subscribe(nats_server.url, durable=durable) as events:
        await publish(bus, detections(0))
        assert seqs(await take(events, 1)) == [0]
        _, writer = await asyncio.open_connection("127.0.0.1", nats_server.port)
        writer.write(b'CONNECT {"verbose":false}\r\nPUB %s\xca 2\r\n{}\r\n' % FEED.detections.encode())

        async def is_stored() -> bool:
            return (await bus.jetstream.stream_info("DETECTIONS")).state.messages == 2

        await until_async(is_stored, "the server has it")
        writer.close()
        await writer.wait_closed()
        await publish(bus, detections(1))
        assert seqs(await take(events, 1)) == [1]
        assert events.malformed == 1


async def test_an_unknown_type_is_yielded(nats_server: NatsServer, bus: Bus) -> None:
    content = json.loads(encoded(detections())) | {"type": "dev.vedette.weather.v1", "data": {"sky": "blue"}}
    async with vedette.subscribe(nats_server.url) as events:
        await bus.client.publish(FEED.detections, json.dumps(content).encode())
        (event,) = await take(events, 1)
    assert event.type == "dev.vedette.weather.v1"
    assert event.data.model_extra == {"sky": "blue"}


async def test_a_slow_live_reader_loses_the_oldest_and_knows_how_many(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_feeds, "LIVE_MESSAGES", 10)
    async with vedette.subscribe(nats_server.url) as events:
        await publish(bus, *(detections(seq) for seq in range(25)))
        await until(lambda: events.lost == 15, "the overflow is counted")
        assert seqs(await take(events, 10)) == list(range(15, 25))
    assert caplog.text.count("too slow") == 1


@pytest.mark.parametrize("durable", [None, DURABLE])
async def test_a_cancelled_wait_loses_nothing(nats_server: NatsServer, bus: Bus, durable: str | None) -> None:
    async with vedette.subscribe(nats_server.url, durable=durable) as events:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.02)
        await publish(bus, detections(0))
        assert seqs(await take(events, 1)) == [0]


async def test_a_live_reader_goes_on_after_a_crash_of_the_server(nats_server: NatsServer, bus: Bus) -> None:
    async with vedette.subscribe(nats_server.url) as events:
        await publish(bus, detections(0))
        assert seqs(await take(events, 1)) == [0]
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.connected, "the bus is back")
        reading = asyncio.create_task(anext(events))
        seq = 1
        while not reading.done():
            await publish(bus, detections(seq := seq + 1))
            await asyncio.wait([reading], timeout=0.02)
        assert seqs([reading.result()])[0] >= 1


@pytest.mark.parametrize("durable", [None, DURABLE])
async def test_breaking_out_of_the_loop_leaves_no_task_behind(
    nats_server: NatsServer, bus: Bus, durable: str | None
) -> None:
    async def read_one() -> None:
        async for event in vedette.subscribe(nats_server.url, durable=durable):
            assert seqs([event])
            break

    await publish(bus, detections(0))
    before = asyncio.all_tasks()
    reading, seq = asyncio.create_task(read_one()), 0
    while not reading.done():
        await publish(bus, detections(seq := seq + 1))
        await asyncio.wait([reading], timeout=0.02)
    await reading
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")


@pytest.mark.parametrize("durable", [None, DURABLE])
async def test_closing_ends_the_iteration_and_leaves_no_task(
    nats_server: NatsServer, bus: Bus, durable: str | None
) -> None:
    await publish(bus, detections(0))
    before = asyncio.all_tasks()
    events = vedette.subscribe(nats_server.url, durable=durable)
    async with events:
        pass
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    await events.aclose()
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")


async def test_a_reader_makes_no_streams(nats_server: NatsServer) -> None:
    async with vedette.subscribe(nats_server.url):
        pass
    with pytest.raises(BusUnavailable, match="stream not found"):
        async with vedette.subscribe(nats_server.url, durable=DURABLE):
            pass


@pytest.mark.parametrize("url", ["nats://u:s3cret@127.0.0.1:1", "nats://u:s3cret@nowhere.invalid", "nats://"])
async def test_a_wrong_url_is_said_within_seconds_and_without_its_secret(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert subscriber._CONNECT_WITHIN_S <= 5
    monkeypatch.setattr(subscriber, "_CONNECT_WITHIN_S", 0.2)
    with pytest.raises(BusUnavailable) as caught:
        await asyncio.wait_for(anext(vedette.subscribe(url)), 90)
    assert "s3cret" not in str(caught.value)
    await until(lambda: len(asyncio.all_tasks()) == 1, "no task is left")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[NatsServer]:
    folder = tmp_path / "guarded"
    folder.mkdir()
    nobody = {"subscribe": {"deny": "vedette.>"}, "publish": {"deny": "$JS.>"}}
    users = [{"user": "u", "password": "right"}, {"user": "nobody", "password": "x", "permissions": nobody}]
    (folder / "nats.conf").write_text(f"authorization {{ users: {json.dumps(users)} }}\n")
    server = NatsServer(folder, "-c", str(folder / "nats.conf"))
    server.start()
    yield server
    server.close()


async def test_wrong_credentials_are_said_at_once(guarded: NatsServer) -> None:
    with pytest.raises(BusUnavailable, match="refuses these credentials") as caught:
        await anext(vedette.subscribe(f"nats://u:s3cret@127.0.0.1:{guarded.port}"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("durable", [None, DURABLE])
async def test_a_subject_that_is_not_permitted_is_said(guarded: NatsServer, durable: str | None) -> None:
    with pytest.raises(BusMisfit, match=r"(?i)permissions violation"):
        await anext(vedette.subscribe(f"nats://nobody:x@127.0.0.1:{guarded.port}", durable=durable))


async def test_a_configuration_finds_the_embedded_server(
    guarded: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text("site: plant-1\n")
    file = embedded_address_file("plant-1")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"url": guarded.url, "user": "operator", "password": "another"}))
    embedded_logins("plant-1").mkdir()
    role_file(embedded_logins("plant-1"), "subscriber").write_text(json.dumps({"user": "u", "password": "right"}))
    async with vedette.subscribe(config="site.yaml"):
        pass


async def test_a_wrong_configuration_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        await anext(vedette.subscribe(config=tmp_path / "none.yaml"))


async def test_missing_credentials_are_said(tmp_path: Path) -> None:
    with pytest.raises(BusUnavailable, match="No such file"):
        await anext(vedette.subscribe("nats://127.0.0.1:1", credentials=str(tmp_path / "none.creds")))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "one of both"),
        ({"url": "nats://a", "config": "b"}, "one of both"),
        ({"url": "nats://a", "durable": "a b"}, "durable must be"),
        ({"url": "nats://a", "subject": "vedette.>", "durable": "a"}, "no stream keeps it"),
    ],
)
def test_a_wrong_call_fails_where_it_is_made(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        vedette.subscribe(**arguments)
