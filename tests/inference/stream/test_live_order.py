"""Order, repeats and turns of live frames, on one worker and on two."""

import asyncio
import contextlib
from itertools import count

import pytest

from inference.dataplane import DataPlane
from tests.inference.stream.test_live_consumer import dropped
from tests.inference.worker import Camera, lasting_frames, listen, stored, working
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus, connect
from vedette.streams import DETECTIONS, LIVE_FRAME_MAX_AGE_S


async def test_a_lower_epoch_is_not_inferred(bus: Bus, plane: DataPlane) -> None:
    notes, camera, before = await listen(bus), Camera(bus), dropped("deposed")
    async with working(bus, plane):
        for number, (epoch, seq) in enumerate([(7, 5), (6, 9), (8, 0)]):
            await camera.frame(seq, epoch=epoch)
            await notes.until_served(number + 1)
    assert [(event.frame.epoch, event.frame.seq) for event in notes.events] == [(7, 5), (8, 0)]
    assert notes.outcomes == ["inferred", "repeated", "inferred"]
    assert dropped("deposed") == before + 1


async def test_a_frame_whose_token_comes_twice_makes_one_event(bus: Bus, plane: DataPlane) -> None:
    notes, camera = await listen(bus), Camera(bus)
    async with working(bus, plane):
        await camera.frame(0)
        await until(lambda: notes.served, "served")
        await camera.offer()
        await until(lambda: len(notes.served) == 2, "served again")
    assert notes.outcomes == ["inferred", "repeated"]
    assert len(notes.messages) == 1


async def test_a_frame_served_by_two_workers_is_stored_once(
    nats_server: NatsServer, bus: Bus, plane: DataPlane
) -> None:
    notes, camera = await listen(bus), Camera(bus)
    async with working(bus, plane):
        await camera.frame(0)
        await until(lambda: notes.served, "served")
    async with await connect(nats_server.address, "other") as other, working(other, plane):
        await camera.offer()
        await until(lambda: len(notes.served) == 2, "served by another worker, which remembers nothing")
    assert notes.outcomes == ["inferred", "inferred"]
    assert await stored(bus, DETECTIONS) == 1


async def test_cameras_keep_their_order_on_two_workers(
    nats_server: NatsServer, bus: Bus, plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lasting_frames(bus, monkeypatch)
    notes, names = await listen(bus), [f"cam-{number}" for number in range(30)]
    rounds = 2

    async def feed(name: str) -> None:
        """As gateways do: the next frame when the last one was served, or is too old for that."""
        camera, seqs = Camera(bus, name), count()
        while len(set(notes.seqs(name))) < rounds:
            served = len(notes.of(name))
            await camera.frame(next(seqs))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LIVE_FRAME_MAX_AGE_S):
                    while len(notes.of(name)) == served:
                        await asyncio.sleep(0.02)

    async with await connect(nats_server.address, "other") as other, working(bus, plane), working(other, plane):
        await asyncio.gather(*(feed(name) for name in names))
    for name in names:
        assert notes.seqs(name) == sorted(notes.seqs(name))
    every = {(name, seq) for name in names for seq in notes.seqs(name)}
    assert len(every) >= len(names) * rounds
    assert await stored(bus, DETECTIONS) == len(every)


async def test_the_latest_frame_is_served_when_frames_come_faster_than_turns(bus: Bus, plane: DataPlane) -> None:
    notes, camera = await listen(bus), Camera(bus)
    for seq in range(4):
        await camera.frame(seq)
    async with working(bus, plane):
        await until(lambda: notes.served, "served")
    assert notes.seqs() == [3]
