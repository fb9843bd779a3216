"""A takeover among events workers with a thousand cameras: how long no events flow after a worker's SIGKILL.

Two workers share the cameras, before each of which two made-up people walk; one is killed. For each partition that it
had the time is measured from the kill to the arrival, at a subscriber, of an event that follows from detections stored
after the kill; and until events come within a quarter of a second of their detections again. At the end the stored
events must have no double. The lease alone lasts 2 s. Everything runs on this machine, what publishes detections too.
"""

import asyncio
import datetime as dt
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from nats.aio.msg import Msg

from benchmarks.events_latency import CAMERA, CONFIG, held, quantile, until_ready, worker
from benchmarks.results import Result
from tests.events.service.scenes import WALK, Walk, publish, stored
from tests.nats_server import NatsServer
from vedette.bus.connection import Bus, connect
from vedette.event_parser import parse_event
from vedette.fleet.members import live_members
from vedette.object_messages import ObjectEvent
from vedette.subjects import partition_of

CAMERAS, FPS = 1000, 0.5
_PUBLISHERS = 16
_WITHIN_S = 0.25


def run(quick: bool) -> Result:
    cameras, seconds = (200, 15) if quick else (CAMERAS, 45)
    gaps = asyncio.run(_measure(cameras, seconds))
    missing = [float("inf")] * (gaps.lost - len(gaps.settled_s))
    first_s, settled_s = list(gaps.first_s.values()) or missing, [*gaps.settled_s.values(), *missing]
    return Result(
        "takeover",
        f"{cameras} cameras at {FPS:g} frames a second with two people each ({gaps.rate:.0f} messages stored a second);"
        f" one of two workers is killed, which had {gaps.lost} partitions: from then on until events flow",
        {
            "partitions_back": len(first_s),
            "partitions_lost": gaps.lost,
            "first_event_p50_s": quantile(first_s, 0.5),
            "first_event_max_s": quantile(first_s, 1.0),
            "settled_max_s": quantile(settled_s, 1.0),
            "doubled_events": gaps.doubled,
        },
        at_most={"first_event_max_s": 5, "settled_max_s": 8, "doubled_events": 0},
        at_least={"partitions_back": gaps.lost},
    )


@dataclass
class _Gaps:
    """What is measured, by partition; seconds since the kill."""

    first_s: dict[int, float] = field(default_factory=dict)
    settled_s: dict[int, float] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    rate: float = 0.0


async def _measure(cameras: int, seconds: int) -> _Gaps:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        folder = Path(name)
        server = NatsServer(folder)
        server.start()
        try:
            config = folder / "site.yaml"
            named = ", ".join(CAMERA.replace("{n}", str(n)) for n in range(cameras))
            config.write_text(CONFIG.format(port=server.port, cameras=named))
            async with await connect(server.address, "benchmark") as bus:
                with worker(config, folder / "one.log") as first, worker(config, folder / "two.log"):
                    await until_ready(bus, workers=2)
                    return await _disturb(bus, cameras, seconds, first.pid, first.kill)
        finally:
            server.close()


async def _disturb(bus: Bus, cameras: int, seconds: int, pid: int, kill: Callable[[], None]) -> _Gaps:
    gaps, stored_s = _Gaps(), dict[tuple[str, int], float]()
    lost: set[int] = set()
    killed_s = float("inf")

    async def on_event(message: Msg) -> None:
        now_s = time.perf_counter()
        data = parse_event(message.data).data
        if not isinstance(data, ObjectEvent):
            return
        partition = partition_of(data.site, data.camera)
        then_s = stored_s.get((data.camera, data.frame.seq), 0.0)
        if then_s <= killed_s or partition not in lost:
            return
        gaps.first_s.setdefault(partition, now_s - killed_s)
        if now_s - then_s <= _WITHIN_S:
            gaps.settled_s.setdefault(partition, now_s - killed_s)

    await bus.client.subscribe("vedette.events.>", cb=on_event)
    began_s = time.perf_counter()
    publishing = asyncio.gather(*(_publish(bus, cameras, n, seconds, stored_s) for n in range(_PUBLISHERS)))
    await asyncio.sleep(seconds / 2)
    lost |= set(await _partitions_of(bus, pid))
    gaps.lost = len(lost)
    kill()
    killed_s = time.perf_counter()
    await publishing
    gaps.rate = len(stored_s) / (time.perf_counter() - began_s)
    await asyncio.sleep(5)
    ids = Counter(event.id for event in await stored(bus))
    gaps.doubled = sum(times > 1 for times in ids.values())
    return gaps


async def _partitions_of(bus: Bus, pid: int) -> list[int]:
    for member in await live_members(bus, "plant-1"):
        if member.pid == pid:
            return held(member)
    raise LookupError(f"no worker of process {pid}")


async def _publish(bus: Bus, cameras: int, share: int, seconds: int, stored_s: dict[tuple[str, int], float]) -> None:
    """One of the publishers: its cameras in turn, spread over each frame's time."""
    own = [Walk(f"cam-{n}", 10**6, "rtcp", epoch=n + 1) for n in range(share, cameras, _PUBLISHERS)]
    begin_s, begin = time.monotonic(), dt.datetime.now(dt.UTC)
    for seq in range(round(seconds * FPS)):
        for number, walk in enumerate(own):  # each somewhere else in its walk
            due_s = begin_s + (seq + number / len(own)) / FPS
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            event = replace(walk, begin=begin).event(seq + walk.epoch % WALK)
            stored_s[walk.camera, event.data.frame.seq] = time.perf_counter()
            await publish(bus, event)
