"""Frames and tokens on a real server, with workers that are slower than the frames come."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic, time

import pytest
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import StreamConfig

from gateway.fleet.live_publisher import LiveFeed, LivePublisher
from gateway.fleet.rate_control import RateLimits
from gateway.pictures.frame_headers import headers_of
from tests.gateway.run_gateway import Witness, counted, dropped, lasting_leases, sampled
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.bus.connection import Bus, connect
from vedette.bus.stream_setup import ensure_consumer
from vedette.consumers import work_consumer
from vedette.fleet.leases import Lease
from vedette.frames import FrameHeaders
from vedette.messages import Served
from vedette.streams import FRAMES, WORK, streams
from vedette.subjects import Feed

SITE = "plant"


@pytest.fixture(autouse=True)
def leases_that_last(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting_leases(monkeypatch)


def headers(epoch: int, seq: int) -> FrameHeaders:
    return headers_of(sampled(), epoch, seq, 1.0, 1000.0)


@asynccontextmanager
async def feeding(bus: Bus, camera: str, rates: RateLimits | None = None) -> AsyncIterator[LiveFeed]:
    """The feed of a camera that we own."""
    publisher = LivePublisher(bus, SITE)
    await publisher.start()
    lease = Lease(bus, f"{SITE}.{camera}", "gateway-1")
    async with background(lease.run()):
        await lease.until_held()
        yield publisher.feed(camera, "people", lease, rates)


class Worker:
    """Takes tokens, reads the frame as it is then, works for a while, acknowledges, tells; several at a time."""

    def __init__(self, bus: Bus, works_s: float) -> None:
        self.bus = bus
        self.works_s = works_s
        self.served: list[tuple[int, int]] = []
        self.took_s: list[float] = []
        self.reads = 0

    @asynccontextmanager
    async def at_work(self, hands: int = 2) -> AsyncIterator["Worker"]:
        await ensure_consumer(self.bus.jetstream, WORK, work_consumer("people"))
        async with background(*(self._run() for _ in range(hands))):
            yield self

    async def _run(self) -> None:
        tokens = await self.bus.jetstream.pull_subscribe_bind("w-people", stream=WORK)
        task = asyncio.current_task()
        while task is not None and not task.cancelling():  # the library swallows some cancellations
            try:
                (token,) = await tokens.fetch(1, timeout=1)
            except NatsTimeout:
                continue
            await self._serve(token)

    async def _serve(self, token: Msg) -> None:
        began_s, began_at, feed = monotonic(), time(), Feed.parse(token.subject)
        stored = await self.bus.jetstream.get_last_msg(FRAMES, feed.frame, direct=True)
        frame = FrameHeaders.decode(stored.headers or {})
        self.reads += 1
        await asyncio.sleep(self.works_s)
        await self.bus.client.request(token.reply, b"+ACK", timeout=90)
        self.served.append((frame.epoch, frame.seq))
        self.took_s.append(monotonic() - began_s)
        waited_ms = (began_at - token.metadata.timestamp.timestamp()) * 1000
        note = Served(epoch=frame.epoch, seq=frame.seq, outcome="inferred", waited_ms=waited_ms)
        await self.bus.client.publish(feed.served, note.model_dump_json().encode())


async def test_a_token_comes_only_after_its_frame_was_acknowledged(nats_server: NatsServer, bus: Bus) -> None:
    seen: list[str] = []

    async def see(message: Msg) -> None:  # one subscription, since the order of several is not that of the server
        if message.subject.endswith(".people.plant.street"):
            seen.append(message.subject.split(".")[1])
        elif f".street.{feed._lease.epoch}." in message.subject:
            seen.append("acknowledgement")

    async with feeding(bus, "street") as feed, await connect(nats_server.address, "observer") as observer:
        await observer.client.subscribe(">", cb=see)
        await observer.settle()
        for n in range(20):
            await feed.publish(b"jpeg", headers)
            await until(lambda n=n: len(seen) == 3 * (n + 1), "frame, acknowledgement and token")  # type: ignore[misc]
    assert [what for what in seen if what != "frame"] == ["acknowledgement", "work"] * 20


async def test_a_frame_that_came_while_its_camera_was_in_flight_is_offered_again(bus: Bus) -> None:
    async with feeding(bus, "flight") as feed:
        again = partial(counted, "vedette_tokens_offered_again_total", camera="flight")
        published = partial(counted, "vedette_frames_published_total", camera="flight", pipeline="people")
        worker = Worker(bus, works_s=0.3)
        async with worker.at_work(hands=1):
            await feed.publish(b"first", headers)
            await until(lambda: published() == 1, "the first frame is stored")
            await until(lambda: worker.reads == 1, "the worker has the first in hand")
            await feed.publish(b"second", headers)
            await until(lambda: len(worker.served) == 2, "both are served")
            assert [seq for _, seq in worker.served] == [0, 1]
            await until(lambda: again() == 1, "one token was offered again")


async def test_the_last_frame_of_a_burst_is_served(bus: Bus) -> None:
    async with feeding(bus, "burst") as feed, Worker(bus, works_s=0.2).at_work() as worker:
        superseded = partial(counted, "vedette_frames_superseded_total", camera="burst", pipeline="people")
        for seq in range(12):
            await feed.publish(b"jpeg", headers)
            await until(lambda seq=seq: feed._ledger._stored_seq == seq, "stored")  # type: ignore[misc]
        await until(lambda: worker.served and worker.served[-1][1] == 11, "the last frame is served")
        await until(lambda: superseded() + len(worker.served) == 12, "each frame is accounted for")
        assert not feed._ledger._waiting


async def test_idle_workers_that_take_longer_than_a_frame_interval_serve_what_their_latency_allows(bus: Bus) -> None:
    async with feeding(bus, "round-trip") as feed, Worker(bus, works_s=0.12).at_work() as worker:
        began_s, frames = monotonic(), 40
        for n in range(frames):
            await feed.publish(b"jpeg", headers)
            await asyncio.sleep(max(0.0, began_s + (n + 1) * 0.1 - monotonic()))  # 10 frames a second
        lasted_s = monotonic() - began_s
        await until(lambda: worker.served and worker.served[-1][1] == frames - 1, "the last frame is served")
    latency_s = sum(worker.took_s) / len(worker.took_s)
    assert len(worker.served) / lasted_s >= 0.75 / latency_s
    assert worker.served == sorted(set(worker.served))


async def test_cameras_slow_down_to_what_workers_serve_and_a_lone_one_recovers(bus: Bus) -> None:
    rates = RateLimits(usual=20, least=1, most=20)
    async with (
        feeding(bus, "busy-1", rates) as first,
        feeding(bus, "busy-2", rates) as second,
        Worker(bus, works_s=0.3).at_work(hands=1),
    ):
        controls = [feed.control for feed in (first, second) if feed.control is not None]

        async def frames(feed: LiveFeed) -> None:
            while feed.control is not None:
                await feed.publish(b"jpeg", headers)
                await asyncio.sleep(1 / feed.control.fps)

        async with background(frames(first)):
            async with background(frames(second)):
                await until(lambda: all(control.fps < 3 for control in controls), "both have slowed down")
            slow = controls[0].fps
            await until(lambda: controls[0].fps > slow, "the other one is gone: there is room")


async def test_frames_flow_again_after_the_server_was_killed(nats_server: NatsServer, bus: Bus) -> None:
    stamp = lambda epoch, seq: headers_of(sampled(), epoch, seq, 1.0, 1000.0)  # noqa: E731
    async with feeding(bus, "killed") as feed, await connect(nats_server.address, "observer") as observer:
        witness = await Witness.on(observer)

        async def film() -> None:
            while True:
                await feed.publish(repr(monotonic()).encode(), stamp)
                await asyncio.sleep(0.03)

        async with background(film()):
            await until(lambda: len(witness.frames) > 10, "frames flow")
            await asyncio.to_thread(nats_server.kill)
            gone_s = monotonic()
            await until(lambda: dropped("killed", "disconnected") > 10, "drops are counted")
            before = len(witness.frames)
            back_s = monotonic()
            await asyncio.to_thread(nats_server.start)
            await until(lambda: len(witness.frames) > before + 20, "frames flow again")
    identities = [(frame.headers.epoch, frame.headers.seq) for frame in witness.frames]
    assert identities == sorted(set(identities))
    assert not [frame for frame in witness.frames if gone_s < float(frame.jpeg) < back_s], "stale"


async def test_a_frame_is_given_to_the_socket_while_the_lease_is_held(bus: Bus) -> None:
    async with feeding(bus, "in-hand") as feed:
        await feed.publish(b"jpeg", headers)
        assert not bus.client._pending
        await until(lambda: feed._ledger._stored_seq == 0, "stored")


async def test_without_the_lease_nothing_is_published(bus: Bus) -> None:
    async with feeding(bus, "deposed") as feed:
        await feed.publish(b"jpeg", headers)
        await until(lambda: feed._ledger._stored_seq == 0, "stored")
    await feed.publish(b"jpeg", headers)
    assert dropped("deposed", "no_lease") == 1
    note = Served(epoch=0, seq=-1, outcome="missing")
    await feed.served(note)
    assert counted("vedette_tokens_offered_again_total", camera="deposed") == 0


async def test_a_new_epoch_begins_at_zero_and_settles_the_old_one(bus: Bus) -> None:
    async with feeding(bus, "epochs") as feed:
        await feed.publish(b"jpeg", headers)
        await feed.publish(b"jpeg", headers)
        await until(lambda: feed._ledger._stored_seq == 1, "both are stored")
        first = feed._lease.epoch
    witness = await Witness.on(bus)
    async with background(feed._lease.run()):
        await feed._lease.until_held()
        await feed.publish(b"jpeg", headers)
        await until(lambda: witness.frames, "a frame of the new epoch")
        assert (witness.frames[0].headers.epoch > first, witness.frames[0].headers.seq) == (True, 0)
    assert counted("vedette_frames_superseded_total", camera="epochs", pipeline="people") == 2


async def test_a_server_that_does_not_acknowledge_gets_few_frames(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fleet.ledger.ACKNOWLEDGED_WITHIN_S", 0.3)
    await alter_frames(bus, no_ack=True)
    async with feeding(bus, "silent") as feed:
        for _ in range(10):
            await feed.publish(b"jpeg", headers)
        assert dropped("silent", "bus_slow") == 6

        async def given_up() -> bool:
            await feed.publish(b"jpeg", headers)
            return dropped("silent", "unacknowledged") == 4

        await until_async(given_up, "frames without an answer are counted as lost")


@pytest.mark.parametrize("how", ["no_stream", "too_long_for_the_stream"])
async def test_a_refused_frame_is_counted_and_the_next_one_flows(bus: Bus, how: str) -> None:
    async with feeding(bus, how) as feed:
        if how == "no_stream":
            await bus.jetstream.delete_stream(FRAMES)
        else:
            await alter_frames(bus, max_msg_size=100)
        await feed.publish(bytes(200), headers)
        await until(lambda: dropped(how, "refused") == 1, "the refusal is counted")
        await bus.ensure()
        await feed.publish(b"jpeg", headers)
        await until(lambda: feed._ledger._stored_seq == 1, "the next frame is stored")


async def test_a_frame_over_the_payload_limit_is_dropped_and_the_connection_lives(bus: Bus) -> None:
    async with feeding(bus, "large") as feed:
        for size in (bus.client.max_payload, bus.client.max_payload - 100, 4):
            await feed.publish(bytes(size), headers)
        await until(lambda: feed._ledger._stored_seq == 2, "the small one is stored")
        assert dropped("large", "too_large") == 2
        assert bus.client.stats["reconnects"] == 0


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"[]", b'{"epoch": "x"}', b"\xff\xfe", json.dumps({"epoch": 1e300, "seq": -1, "outcome": 1}).encode()],
)
async def test_a_malformed_note_is_harmless(bus: Bus, note: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with feeding(bus, "notes") as feed:
        await feed.publish(b"jpeg", headers)
        await until(lambda: feed._ledger._stored_seq == 0, "stored")
        await bus.client.publish(feed._subjects.served, note)
        await bus.client.publish(Feed("unknown", SITE, "unknown").served, note)
        await until(lambda: "malformed served note" in caplog.text, "it is told")
        valid = Served(epoch=feed._lease.epoch, seq=0, outcome="inferred")
        await bus.client.publish(feed._subjects.served, valid.model_dump_json().encode())
        await until(lambda: not feed._ledger._waiting, "notes are read on")


async def test_cameras_get_their_own_acknowledgements(bus: Bus) -> None:
    publisher = LivePublisher(bus, SITE)
    await publisher.start()
    leases = {name: Lease(bus, f"{SITE}.{name}", "gateway-1") for name in ("left", "right")}
    async with background(*(lease.run() for lease in leases.values())):
        feeds = []
        for name, lease in leases.items():
            await lease.until_held()
            feeds.append(publisher.feed(name, "people", lease))
        for feed, count in zip(feeds, (3, 1), strict=True):
            for _ in range(count):
                await feed.publish(Path(__file__).read_bytes(), headers)
        stored: Callable[[], list[int]] = lambda: [feed._ledger._stored_seq for feed in feeds]  # noqa: E731
        await until(lambda: stored() == [2, 0], "each has its own count")


async def alter_frames(bus: Bus, **settings: object) -> None:
    """Change the stream that takes the frames, so that it behaves badly."""
    frames = next(stream for stream in streams(bus._address.retention) if stream.name == FRAMES)
    altered: StreamConfig = frames.evolve(**settings)
    await bus.jetstream.update_stream(altered)
