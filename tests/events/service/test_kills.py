"""Workers and the server are killed in mid-stream: the events are those of an undisturbed run, each stored once."""

import asyncio
import datetime as dt
import signal
from collections import Counter
from pathlib import Path

from nats.errors import Error as NatsError

from tests.events.service.scenes import Walk, publish, stored, undisturbed
from tests.events.service.worker import Process, processes
from tests.nats_server import NatsServer
from tests.waiting import until_async
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.streams import EVENTS


def walks() -> list[Walk]:
    """Live cameras and recordings, over all partitions."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    live = [Walk(f"cam-{n}", 120, "rtcp", begin=now) for n in range(12)]
    return [*live, *(Walk(f"clip-{n}-1795371818588", 120, epoch=1795371818588) for n in range(4))]


async def publish_all(bus: Bus, cameras: list[Walk], since: int, until_seq: int) -> None:
    """Frame by frame, all cameras at a time; where there is no server, when it is back."""
    for seq in range(since, until_seq):
        for walk in cameras:
            while True:
                try:
                    await publish(bus, walk.event(seq))
                    break
                except BusUnavailable:
                    await asyncio.sleep(0.05)


async def until_complete(bus: Bus, cameras: list[Walk], workers: list[Process]) -> None:
    """All events that there should be are there; then compare."""
    wanted = {walk.camera: undisturbed(walk) for walk in cameras}
    number = sum(len(events) for events in wanted.values())

    async def there() -> bool:
        try:
            return int((await bus.jetstream.stream_info(EVENTS)).state.messages) >= number
        except (NatsError, TimeoutError):  # the server may be on its way back
            return False

    await until_async(there, lambda: "".join(worker.text for worker in workers), 60)
    found = await stored(bus)
    assert [ident for ident, times in Counter(event.id for event in found).items() if times > 1] == []
    for camera, events in wanted.items():
        assert [event.essence for event in found if event.camera == camera] == events, camera
    assert "Traceback" not in "".join(worker.text for worker in workers)


async def test_the_only_worker_is_killed_and_another_starts_later(
    tmp_path: Path, nats_server: NatsServer, bus: Bus
) -> None:
    cameras = walks()
    with processes(tmp_path, nats_server.port, 1) as first:
        await first[0].until_ready()
        await publish_all(bus, cameras, 0, 60)
    await publish_all(bus, cameras, 60, 90)
    with processes(tmp_path, nats_server.port, 1) as second:
        await publish_all(bus, cameras, 90, 120)
        await until_complete(bus, cameras, second)


async def test_the_server_is_killed_and_comes_back(tmp_path: Path, nats_server: NatsServer, bus: Bus) -> None:
    cameras = walks()
    with processes(tmp_path, nats_server.port, 2) as workers:
        for worker in workers:
            await worker.until_ready()
        await publish_all(bus, cameras, 0, 40)
        await asyncio.to_thread(nats_server.restart)
        await publish_all(bus, cameras, 40, 80)
        await asyncio.to_thread(nats_server.restart)
        await publish_all(bus, cameras, 80, 120)
        await until_complete(bus, cameras, workers)


async def test_a_worker_is_paused_and_comes_back_and_is_killed_and_the_other_takes_over_each_time(
    tmp_path: Path, nats_server: NatsServer, bus: Bus
) -> None:
    cameras = walks()
    with processes(tmp_path, nats_server.port, 2) as workers:
        for worker in workers:
            await worker.until_ready()
        shares = [await worker.partitions() for worker in workers]
        assert sorted(shares[0] + shares[1]) == list(range(16))
        await publish_all(bus, cameras, 0, 40)
        workers[0].popen.send_signal(signal.SIGSTOP)
        await publish_all(bus, cameras, 40, 60)
        await until_async(lambda: _has(workers[1], 16), lambda: workers[1].text, 60)
        workers[0].popen.send_signal(signal.SIGCONT)
        await publish_all(bus, cameras, 60, 80)
        await until_async(lambda: _has(workers[1], len(shares[1])), lambda: workers[1].text, 60)
        await workers[0].until_ready()
        await publish_all(bus, cameras, 80, 100)
        workers[0].popen.kill()
        await publish_all(bus, cameras, 100, 120)
        await until_complete(bus, cameras, workers)


async def _has(worker: Process, partitions: int) -> bool:
    return len(await worker.partitions()) == partitions
