"""On a new server an analysis begins when its own workers have made every stream that it needs."""

import asyncio

from gateway.recordings.analysis_system import _until_streams
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus import connect
from vedette.bus_settings import Retention
from vedette.streams import CLIPS, DETECTIONS, EVENTS, streams


async def test_an_analysis_waits_for_the_last_of_its_streams(nats_server: NatsServer) -> None:
    wanted = {str(stream.name): stream for stream in streams(Retention())}
    async with await connect(nats_server.address, "analyze", give_up_after_s=10, keeps_streams=False) as bus:
        waiting = asyncio.create_task(_until_streams(bus))
        for name in (CLIPS, EVENTS, DETECTIONS):
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await bus.jetstream.add_stream(wanted[name])
        await until(waiting.done, "it begins")
        await waiting
