"""On a new server an analysis begins when its own workers have made every stream that it needs."""

import asyncio
from typing import Any

import pytest

from gateway.recordings import analysis_system
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import connect
from vedette.config.bus_settings import Retention
from vedette.streams import CLIPS, DETECTIONS, EVENTS, streams


async def test_an_analysis_waits_for_the_last_of_its_streams(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_system, "_LOOK_AGAIN_S", 0.01)
    wanted = {str(stream.name): stream for stream in streams(Retention())}
    async with await connect(nats_server.address, "analyze", give_up_after_s=10, keeps_streams=False) as bus:
        looks: list[str] = []
        stream_info = bus.jetstream.stream_info

        async def looked(name: str) -> Any:
            looks.append(name)
            return await stream_info(name)

        monkeypatch.setattr(bus.jetstream, "stream_info", looked)
        waiting = asyncio.create_task(analysis_system._until_streams(bus))
        for name in (CLIPS, EVENTS, DETECTIONS):
            before = len(looks)
            await until(lambda before=before: waiting.done() or len(looks) > before + 2, "it looks again")  # type: ignore[misc]
            assert not waiting.done()
            await bus.jetstream.add_stream(wanted[name])
        await until(waiting.done, "it begins")
        await waiting
