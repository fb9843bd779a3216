"""The bus with a real server that is killed, comes back, refuses, and is not there yet."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.buckets import LEASES, MEMBERS, buckets
from vedette.bus.address import BusAddress
from vedette.bus.connection import HEADERS_AT_MOST_BYTES, Bus, connect
from vedette.config.bus_settings import Retention
from vedette.errors import BusMisfit, BusUnavailable, MessageTooLarge
from vedette.secrets.secret import SecretText, SecretUrl
from vedette.streams import streams
from vedette.subjects import Feed

FEED = Feed("people", "plant-1", "gate")
EVERY_STREAM = {stream.name for stream in (*streams(Retention()), *buckets())}


async def stream_names(bus: Bus) -> set[str | None]:
    return {info.config.name for info in await bus.jetstream.streams_info()}


async def test_connecting_makes_every_stream_and_bucket(bus: Bus) -> None:
    assert await stream_names(bus) == EVERY_STREAM
    assert bus.connected
    for name in (MEMBERS, LEASES):
        revision = await (await bus.bucket(name)).put("a.b", b"x")
        assert (await (await bus.bucket(name)).get("a.b")).revision == revision


async def test_many_processes_at_once_make_the_streams(nats_server: NatsServer) -> None:
    address = nats_server.address
    every = await asyncio.gather(*(connect(address, f"test-{number}", give_up_after_s=10) for number in range(8)))
    assert await stream_names(every[0]) == EVERY_STREAM
    await asyncio.gather(*(bus.close() for bus in every))


async def test_changed_limits_are_taken_over(nats_server: NatsServer, bus: Bus) -> None:
    retention = nats_server.address.retention.model_copy(update={"detections_h": 1})
    async with await connect(BusAddress(nats_server.address.url, retention=retention), "other"):
        assert (await bus.jetstream.stream_info("DETECTIONS")).config.max_age == 3600


async def test_one_who_does_not_keep_the_streams_leaves_their_limits(nats_server: NatsServer, bus: Bus) -> None:
    before = (await bus.jetstream.stream_info("DETECTIONS")).config
    retention = nats_server.address.retention.model_copy(update={"detections_h": 1})
    address = BusAddress(nats_server.address.url, retention=retention)
    async with await connect(address, "analyze", keeps_streams=False):
        assert (await bus.jetstream.stream_info("DETECTIONS")).config == before


async def test_a_stream_of_another_kind_is_a_misfit(nats_server: NatsServer, bus: Bus) -> None:
    await bus.jetstream.delete_stream("WORK")
    await bus.jetstream.add_stream(StreamConfig("WORK", subjects=["vedette.work.>"], retention=RetentionPolicy.LIMITS))
    with pytest.raises(BusMisfit, match="stream WORK: "):
        await connect(nats_server.address, "test")


async def test_a_bucket_in_memory_is_a_misfit(nats_server: NatsServer, bus: Bus) -> None:
    await bus.jetstream.delete_stream(f"KV_{LEASES}")
    in_memory = StreamConfig(f"KV_{LEASES}", subjects=[f"$KV.{LEASES}.>"], storage=StorageType.MEMORY)
    await bus.jetstream.add_stream(in_memory)
    with pytest.raises(BusMisfit, match=f"stream KV_{LEASES}: "):
        await connect(nats_server.address, "test")


async def test_the_streams_come_back_with_a_killed_server(nats_server: NatsServer, bus: Bus) -> None:
    seen: list[str] = []

    async def listener() -> None:
        seen.extend(str(name) for name in await stream_names(bus))

    bus.on_reconnect(listener)
    nats_server.kill()
    await until(lambda: not bus.connected, "the loss is noticed")
    await asyncio.to_thread(nats_server.start)
    await until(lambda: seen, "the listener is called")
    assert set(seen) == EVERY_STREAM
    assert bus.client.stats["reconnects"] == 1


async def test_a_refused_attempt_does_not_end_reconnecting(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Exception] = []
    monkeypatch.setattr(bus, "failed", failures.append)
    nats_server.kill()
    await until(lambda: len(failures) >= 3, "attempts are refused")
    await asyncio.to_thread(nats_server.start)
    await until(lambda: bus.connected, "the bus is back")


async def test_a_failing_listener_stops_neither_the_others_nor_the_next_reconnect(
    nats_server: NatsServer, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    async def failing() -> None:
        raise BusUnavailable("not again")

    async def counting() -> None:
        calls.append("called")

    bus.on_reconnect(failing)
    bus.on_reconnect(counting)
    for number in (1, 2):
        await asyncio.to_thread(nats_server.restart)
        await until(lambda wanted=number: len(calls) == wanted, f"reconnect {number}")  # type: ignore[misc]
    assert "not again" in caplog.text


async def test_publishing_while_disconnected_fails_at_once_and_leaves_nothing_behind(
    nats_server: NatsServer, bus: Bus
) -> None:
    await bus.publish_confirmed(FEED.detections, b"{}", {})
    nats_server.kill()
    await until(lambda: not bus.connected, "the loss is noticed")
    before = asyncio.get_running_loop().time()
    for _ in range(100):
        with pytest.raises(BusUnavailable):
            await bus.publish_confirmed(FEED.detections, b"{}", {})
    assert asyncio.get_running_loop().time() - before < 1
    assert not bus.client._resp_map


async def test_a_message_with_an_id_is_stored_once(bus: Bus) -> None:
    first = await bus.publish_confirmed(FEED.detections, b"{}", {}, "id-1")
    second = await bus.publish_confirmed(FEED.detections, b"{}", {}, "id-1")
    assert (first.duplicate, second.duplicate) == (None, True)
    assert (await bus.jetstream.stream_info("DETECTIONS")).state.messages == 1


async def test_a_stored_message_is_still_known_by_its_id_after_a_crash(nats_server: NatsServer, bus: Bus) -> None:
    await bus.publish_confirmed(FEED.detections, b"{}", {}, "id-1")
    await asyncio.to_thread(nats_server.restart)
    await until(lambda: bus.client.stats["reconnects"] and bus.connected, "the bus is back")
    assert (await bus.publish_confirmed(FEED.detections, b"{}", {}, "id-1")).duplicate


async def test_a_message_over_max_payload_is_refused_and_the_connection_lives(bus: Bus) -> None:
    limit = bus.client.max_payload
    for size in (limit, limit - 100, limit + 1):
        with pytest.raises(MessageTooLarge) as caught:
            await bus.publish_confirmed(FEED.detections, b"x" * size, {"Vedette-Contract": "1"})
        assert caught.value.size_bytes == size
    await bus.publish_confirmed(FEED.detections, b"x" * (limit - HEADERS_AT_MOST_BYTES), {"Vedette-Contract": "1"})
    assert bus.connected
    assert bus.client.stats["reconnects"] == 0


async def test_a_subject_without_a_stream_is_unavailable(bus: Bus) -> None:
    with pytest.raises(BusUnavailable, match=r"orders\.new: "):
        await bus.publish_confirmed("orders.new", b"", {})


async def test_connecting_waits_for_a_server_that_comes_later(nats_server: NatsServer) -> None:
    nats_server.kill()
    connecting = asyncio.create_task(connect(nats_server.address, "test"))
    with pytest.raises(BusUnavailable, match=f"nats://127.0.0.1:{nats_server.port}: "):
        await connect(nats_server.address, "impatient", give_up_after_s=0.2)
    assert not connecting.done()
    await asyncio.to_thread(nats_server.start)
    bus = await connecting
    assert bus.connected
    await bus.close()


async def test_a_cancelled_connect_leaves_no_task(nats_server: NatsServer) -> None:
    nats_server.kill()
    connecting = asyncio.create_task(connect(nats_server.address, "test"))
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("url", ["nats://", "nats://u:se/cret@host:1", "nats://127.0.0.1:99999"])
async def test_a_url_that_is_none_is_unavailable_without_its_secret(url: str) -> None:
    with pytest.raises(BusUnavailable) as caught:
        await connect(BusAddress(SecretUrl(url)), "test", give_up_after_s=0)
    assert "cret" not in str(caught.value)


@pytest.fixture
def guarded(tmp_path: Path) -> NatsServer:
    """A server with a password that a URL can't hold as it is."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    config = folder / "nats.conf"
    user = {"user": "us@er", "password": "p@ss/w:rd?#%"}
    reader = {"user": "reader", "password": "r", "permissions": {"publish": "none", "subscribe": "_INBOX.>"}}
    config.write_text(f"authorization {{ users: {json.dumps([user, reader])} }}\n")
    return NatsServer(folder, "-c", str(config))


@pytest.fixture
def running_guarded(guarded: NatsServer) -> Iterator[NatsServer]:
    guarded.start()
    yield guarded
    guarded.close()


async def test_percent_encoded_credentials_of_a_url_are_decoded(running_guarded: NatsServer) -> None:
    url = f"nats://us%40er:p%40ss%2Fw%3Ard%3F%23%25@127.0.0.1:{running_guarded.port}"
    async with await connect(BusAddress(SecretUrl(url), retention=running_guarded.address.retention), "test") as bus:
        assert bus.connected
        await asyncio.to_thread(running_guarded.restart)
        await until(lambda: bus.client.stats["reconnects"] and bus.connected, "the credentials serve again")


async def test_user_and_password_beside_the_url_are_used(running_guarded: NatsServer) -> None:
    address = running_guarded.address
    whole = BusAddress(address.url, "us@er", SecretText("p@ss/w:rd?#%"), retention=address.retention)
    async with await connect(whole, "test") as bus:
        assert bus.connected


async def test_wrong_credentials_are_a_misfit_at_once_and_not_shown(running_guarded: NatsServer) -> None:
    url = SecretUrl(f"nats://us%40er:wrong-one@127.0.0.1:{running_guarded.port}")
    with pytest.raises(BusMisfit, match="refuses these credentials") as caught:
        await connect(BusAddress(url), "test")
    assert "wrong-one" not in str(caught.value)


async def test_a_bus_that_the_server_ends_for_good_says_so(nats_server: NatsServer, bus: Bus) -> None:
    losing = asyncio.create_task(bus.until_lost())
    await bus.client._send_command(b"PUB too.large 99999999\r\n")
    await bus.client._flush_pending()
    with pytest.raises(BusUnavailable, match="ended the connection"):
        await asyncio.wait_for(losing, 90)
    assert not bus.connected


async def test_closing_leaves_no_task_and_is_no_loss(nats_server: NatsServer) -> None:
    bus = await connect(nats_server.address, "test")
    losing = asyncio.create_task(bus.until_lost())
    await bus.close()
    await bus.close()
    assert not losing.done()
    losing.cancel()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "no task is left")


async def test_closing_while_disconnected_is_quick(nats_server: NatsServer) -> None:
    bus = await connect(nats_server.address, "test")
    nats_server.kill()
    await until(lambda: not bus.connected, "the loss is noticed")
    await asyncio.wait_for(bus.close(), 10)
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "no task is left")


async def test_closing_outlives_the_cancellation_of_what_waits_for_the_same_socket(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await connect(nats_server.address, "test", give_up_after_s=10)

    async def cancelled_by_another() -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(bus.client._transport, "wait_closed", cancelled_by_another)
    await bus.close()
    assert bus.client.is_closed


async def test_closing_ends_an_attempt_that_swallows_its_cancellation(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, attempts = await connect(nats_server.address, "test"), []

    async def refused_when_cancelled(server: object) -> None:
        attempts.append(server)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionRefusedError from None

    monkeypatch.setattr(bus.client, "_connect_to_server", refused_when_cancelled)
    nats_server.kill()
    await until(lambda: attempts, "an attempt is under way")
    await asyncio.wait_for(bus.close(), 90)
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "no task is left")
    assert len(attempts) == 1


async def _ping_is_under_way(bus: Bus) -> None:
    async with asyncio.timeout(5):
        while not bus.client._pongs:  # for too short a time to look at intervals
            await asyncio.sleep(0)


async def test_a_cancelled_flush_leaves_a_connection_that_works(bus: Bus) -> None:
    settling = asyncio.create_task(bus.settle())
    await _ping_is_under_way(bus)
    settling.cancel()
    await asyncio.gather(settling, return_exceptions=True)
    await bus.settle()
    assert bus.client._reading_task is not None
    assert not bus.client._reading_task.done(), "nobody reads what the server says"


async def test_what_comes_while_a_subscription_is_left_reaches_its_callback(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, said, transport = list[str](), list[bytes](), bus.client._transport
    assert transport is not None
    write, writelines = transport.write, transport.writelines

    def written(payload: bytes) -> None:
        said.append(payload)
        write(payload)

    def lines_written(payloads: list[bytes]) -> None:
        said.extend(payloads)
        writelines(payloads)

    async def on_message(message: Msg) -> None:
        heard.append(message.subject)

    subscription = await bus.client.subscribe("any.>", cb=on_message)
    await bus.settle()
    for number in range(100):
        await bus.client.publish(f"any.{number}")
    monkeypatch.setattr(transport, "write", written)
    monkeypatch.setattr(transport, "writelines", lines_written)
    await bus.leave(subscription)
    assert len(heard) == 100
    assert b"PING" in b"".join(said).partition(b"UNSUB")[2].partition(b"UNSUB")[0], "asked whether it knows"
    await bus.client.publish("any.more")
    await bus.settle()
    assert len(heard) == 100


async def test_a_cancelled_close_closes(nats_server: NatsServer) -> None:
    bus = await connect(nats_server.address, "test")
    closing = asyncio.create_task(bus.close())
    await _ping_is_under_way(bus)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert bus.client.is_closed


async def test_a_cancellation_at_the_moment_of_the_answer_is_not_swallowed(bus: Bus) -> None:
    await bus.client.subscribe("silence", cb=_say_nothing)
    asking = asyncio.create_task(bus.client.request("silence", timeout=60))
    await until(lambda: bus.client._resp_map, "it waits for its answer")
    (answer,) = bus.client._resp_map.values()
    answer.set_result(Msg(bus.client, "silence"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_who_cleans_up_after_a_cancellation_is_answered(bus: Bus) -> None:
    answered = []

    async def working() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            answered.append(await bus.jetstream.account_info())
            await bus.client.flush()

    task = asyncio.create_task(working())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert answered


async def _say_nothing(_: Msg) -> None:
    pass
