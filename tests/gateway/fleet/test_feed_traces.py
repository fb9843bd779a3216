"""A gateway ends the traces of frames that no worker will."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from nats.aio.msg import Msg

from gateway.fleet.live_publisher import LiveFeed, LivePublisher
from tests.gateway.fleet.test_live_publisher import SITE, headers
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.fleet.leases import Lease
from vedette.messages import Served
from vedette.subjects import Feed
from vedette.tracing.context import TraceContext
from vedette.tracing.sampling import TailSampling
from vedette.tracing.tracer import Tracer

FEED = Feed("people", SITE, "traced")


@asynccontextmanager
async def feeding(bus: Bus, tracer: Tracer) -> AsyncIterator[LiveFeed]:
    publisher = LivePublisher(bus, SITE, tracer)
    await publisher.start()
    lease = Lease(bus, f"{SITE}.{FEED.camera}", "gateway-1")
    async with background(lease.run()):
        await lease.until_held()
        yield publisher.feed(FEED.camera, FEED.pipeline, lease)


async def test_frames_that_are_lost_or_expire_are_traced_and_those_that_are_served_or_superseded_are_not(
    bus: Bus,
) -> None:
    tracer, sent, tokens = Tracer(TailSampling(1e9, 0.0)), list[Msg](), list[Msg]()

    async def on_frame(message: Msg) -> None:
        sent.append(message)

    async def on_token(message: Msg) -> None:
        tokens.append(message)

    await bus.client.subscribe(FEED.frame, cb=on_frame)
    await bus.client.subscribe(FEED.work, cb=on_token)
    async with feeding(bus, tracer) as feed:
        for _ in range(2):
            await feed.publish(b"jpeg", headers)
        await until(lambda: len(tokens) == 2, "both are stored")
        epoch = int((sent[0].headers or {})["Vedette-Epoch"])
        await feed.served(Served(epoch=epoch, seq=1, outcome="inferred"))
        assert len(tracer) == 0
        await feed.publish(bytes(bus.client.max_payload + 1), headers)
        (refused,) = tracer.take(1000)
        await feed.publish(b"jpeg", headers)
        await until(lambda: len(tokens) == 3, "it is stored")
        feed.settle(monotonic() + 100)
        (expired,) = tracer.take(1000)
        feed.settle(monotonic() + 200)
        assert len(tracer) == 0
    assert [span.error for span in (refused[0], expired[0])] == ["too_large", "expired"]
    assert [span.attributes["vedette.seq"] for span in (refused[0], expired[0])] == [2, 3]
    assert refused[0].name == "frame"
    began = [TraceContext.parse((message.headers or {})["traceparent"]) for message in sent]
    assert len(set(began)) == 3
    last = began[-1]
    assert last is not None
    (publish,) = [span for span in expired if span.name == "publish"]
    assert (publish.trace_id, publish.span_id, last.sampled) == (last.trace_id, last.span_id, False)
