"""What events add to detections: from the server's storing of a detections message until a subscriber has the event.

Made-up people walk through the pictures of twenty cameras at five frames a second; detections are published as workers
do, and each walker's `object.new` and line crossings come back. The time is measured in this process, from the
acknowledgement of the detections to the arrival of the events that name their frame. Everything runs on this machine.
"""

import asyncio
import contextlib
import datetime as dt
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nats.aio.msg import Msg

from benchmarks.processes import ROOT
from benchmarks.results import Result
from tests.events.service.scenes import FPS, Walk, publish
from tests.nats_server import NatsServer
from vedette.bus.connection import Bus, connect
from vedette.event_parser import parse_event
from vedette.fleet.members import Member, live_members
from vedette.object_messages import ObjectEvent
from vedette.subjects import PARTITIONS

CAMERAS = 20
CONFIG = """
site: plant-1
nats: {{url: "nats://127.0.0.1:{port}"}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}
cameras: {{{cameras}}}
pipelines: {{people: {{stages: [{{model: coco-detector}}]}}}}
"""
LINES = ", ".join(f"l{n}: {{from: [{n / 10}, 0], to: [{n / 10}, 1]}}" for n in range(1, 9))
"""A walker crosses eight of them."""
CAMERA = 'cam-{n}: {url: "rtsp://127.0.0.1/{n}", pipeline: people, lines: {' + LINES + "}}"


def run(quick: bool) -> Result:
    added_ms = asyncio.run(_measure(15 if quick else 60))
    return Result(
        "events_latency",
        f"{CAMERAS} cameras at {FPS} frames a second with two people each, {len(added_ms)} events: from the stored"
        " detections to a subscriber's having the event",
        {
            "added_p50_ms": quantile(added_ms, 0.50),
            "added_p95_ms": quantile(added_ms, 0.95),
            "added_p99_ms": quantile(added_ms, 0.99),
        },
        at_most={"added_p50_ms": 3, "added_p99_ms": 15},
    )


async def _measure(seconds: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        folder = Path(name)
        server = NatsServer(folder)
        server.start()
        try:
            config = folder / "site.yaml"
            cameras = ", ".join(CAMERA.replace("{n}", str(n)) for n in range(CAMERAS))
            config.write_text(CONFIG.format(port=server.port, cameras=cameras))
            async with await connect(server.address, "benchmark") as bus:
                with worker(config, folder / "events.log"):
                    await until_ready(bus)
                    return await _walk(bus, seconds)
        finally:
            server.close()


@contextlib.contextmanager
def worker(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An events worker."""
    words = [sys.executable, "-m", "vedette", "events", str(config), "--listen", "127.0.0.1:0"]
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(15)


async def until_ready(bus: Bus, workers: int = 1) -> None:
    """So many workers share all partitions, and have done so for two seconds."""
    deadline_s = time.monotonic() + 180
    while time.monotonic() < deadline_s:
        members = [member for member in await live_members(bus, "plant-1") if member.kind == "events"]
        if len(members) == workers and sum(len(held(member)) for member in members) == PARTITIONS:
            await asyncio.sleep(2)
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{workers} events worker(s) did not share the partitions")


def held(member: Member) -> list[int]:
    """The partitions that a worker says to have."""
    partitions = member.detail.get("partitions", [])
    return list(partitions) if isinstance(partitions, list) else []


async def _walk(bus: Bus, seconds: int) -> list[float]:
    stored_s: dict[tuple[str, int], float] = {}
    added_ms: list[float] = []

    async def on_event(message: Msg) -> None:
        now_s = time.perf_counter()
        event = parse_event(message.data)
        if isinstance(event.data, ObjectEvent):
            frame = event.data.camera, event.data.frame.seq
            if frame in stored_s:
                added_ms.append((now_s - stored_s[frame]) * 1000)

    await bus.client.subscribe("vedette.events.>", cb=on_event)
    now = dt.datetime.now(dt.UTC)
    walks = [Walk(f"cam-{n}", 10**6, "rtcp", epoch=n + 1, begin=now) for n in range(CAMERAS)]

    async def one(walk: Walk, phase_s: float) -> None:
        begin_s = time.monotonic() + phase_s
        for seq in range(seconds * FPS):
            await asyncio.sleep(max(0.0, begin_s + seq / FPS - time.monotonic()))
            event = walk.event(seq)
            await publish(bus, event)
            stored_s[walk.camera, seq] = time.perf_counter()

    await asyncio.gather(*(one(walk, n / FPS / CAMERAS) for n, walk in enumerate(walks)))
    await asyncio.sleep(1)
    return added_ms


def quantile(values: list[float], share: float) -> float:
    """Of at least one value."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 2)
