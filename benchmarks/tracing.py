"""What tracing costs: CPU time a frame of all that a frame meets but decoding and inference, off, and with traces on.

A gateway's publisher, a worker's consumer and an events worker, with everything between them but a model, whose answer
is made up: two people who walk. They are in one process, whose CPU time is counted, with that of the exporter; the bus
and the collector are in others. Each measurement is a process of its own, the modes take turns.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from benchmarks.load import headers
from benchmarks.processes import ROOT
from benchmarks.results import Result
from benchmarks.tracing_parts import parts_us
from events.ownership.ownership import Ownership
from events.partition_worker import PartitionWorker
from events.snapshots.maker import SnapshotMaker
from gateway.fleet.live_publisher import LivePublisher
from inference.picture_answer import Found
from inference.picture_model import Inference
from inference.stream.intake import Intake
from inference.stream.latest_frames import LatestFrames
from inference.stream.live_consumer import LiveConsumer
from inference.stream.results import Results
from inference.stream.room import Room
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens
from tests.events.service.worker import plain
from tests.inference.worker import MODEL, PEOPLE, listen
from tests.nats_server import NatsServer
from vedette.background import background
from vedette.bus.connection import Bus, connect
from vedette.config.snapshots_settings import Snapshots
from vedette.consumers import work_consumer
from vedette.fleet.leases import Lease
from vedette.fleet.members import announce, new_member
from vedette.streams import WORK

MODES = {"off": None, "share_0.01": 0.01, "share_1": 1.0}
CAMERAS = 10
FPS = 5
SITE = "bench"
JPEG = bytes(20_000)
INFERENCE_MS = 45.0
"""CPU time of what is left out here, a frame: decoding video and inference (docs/dependencies.md)."""

COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class MadeUp:
    """In a model's place: it answers at once."""

    name = "coco-detector"
    capacity = 16

    def __init__(self) -> None:
        self.answers = 0

    async def infer(self, *_: Any, **__: Any) -> Inference:
        self.answers += 1
        at = self.answers / CAMERAS % 100 / 125
        found = [Found("person", 0.9, (at, y, 0.1, 0.3)) for y in (0.1, 0.6)]
        return Inference(MODEL, found, 0.001, 0.001, 0.02, 4)


def run(quick: bool) -> Result:
    rounds, seconds = (1, 5) if quick else (5, 10)
    measured: dict[str, list[float]] = {mode: [] for mode in MODES}
    with _collector() as url:
        for _ in range(rounds):
            for mode, costs_us in measured.items():
                costs_us.append(_once(mode, seconds, url))
    return result(measured, parts_us(), rounds, seconds)


def result(measured: dict[str, list[float]], parts: dict[str, float], rounds: int, seconds: int) -> Result:
    """Of each mode the least of its rounds: what disturbs, a busy machine above all, only adds."""
    least = {mode: min(costs_us) for mode, costs_us in measured.items()}
    figures: dict[str, Any] = {f"{mode}_us_a_frame": round(cost_us) for mode, cost_us in least.items()}
    figures["rounds_us"] = {mode: [round(cost_us) for cost_us in costs_us] for mode, costs_us in measured.items()}
    figures |= parts
    figures["traced_adds_percent_with_inference"] = round(parts["frame_traced_us"] / INFERENCE_MS / 10, 2)
    figures["untraced_adds_percent_with_inference"] = round(parts["frame_untraced_us"] / INFERENCE_MS / 10, 2)
    return Result(
        "tracing",
        f"{CAMERAS} cameras at {FPS} frames a second, {rounds} rounds of {seconds} s a mode in turn: CPU time a frame"
        f" of publishing, serving (without decoding and inference: {INFERENCE_MS:g} ms a frame) and following; and of"
        " what tracing adds, alone",
        figures,
        at_most={"traced_adds_percent_with_inference": 2, "untraced_adds_percent_with_inference": 0.2},
    )


def _once(mode: str, seconds: int, url: str) -> float:
    command = [sys.executable, "-m", "benchmarks.tracing", mode, str(seconds), url]
    return float(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


@contextmanager
def _collector() -> Iterator[str]:
    """One that takes everything and looks at nothing."""
    with subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


async def measure(mode: str, seconds: int, url: str) -> float:
    """CPU time a frame, in microseconds."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        server = NatsServer(Path(name))
        server.start()
        try:
            async with await connect(server.address, "benchmark") as bus, AsyncExitStack() as stack:
                traced = await _traced(stack, MODES[mode], url)
                return await _frames(bus, seconds, *traced)
        finally:
            server.close()


async def _traced(stack: AsyncExitStack, share: float | None, url: str) -> list[Any]:
    """The tracer, where there is one."""
    if share is None:
        return []
    from vedette.config.tracing_settings import Tracing
    from vedette.tracing.tracer import tracing

    settings = Tracing.model_validate({"endpoint": url, "share": share, "slower_than_ms": 1e9})
    return [await stack.enter_async_context(tracing(settings, "vedette-inference", SITE))]


async def _frames(bus: Bus, seconds: int, *tracer: Any) -> float:
    plane: Any = MadeUp()
    tokens, clock, frames = Tokens(bus), ServerClock(bus), LatestFrames(bus)
    await clock.measure()
    traces = []
    if tracer:
        from inference.stream.frame_traces import FrameTraces

        traces = [FrameTraces(tracer[0], clock)]
    consumer = LiveConsumer(bus, plane, Results(bus, PEOPLE), tokens, frames, clock, None, *traces)
    intake = Intake(bus, WORK, work_consumer("people"), Room(plane), consumer.serve)
    member, maker = new_member("events", SITE, "127.0.0.1:0"), SnapshotMaker(bus, Snapshots(enabled=False))
    ownership = Ownership(
        bus, member, lambda part: PartitionWorker(bus, part, member.name, plain, 60.0, maker, *tracer)
    )
    publisher = LivePublisher(bus, SITE, *tracer)
    await publisher.start()
    notes = await listen(bus)
    running = (publisher.run(), tokens.keep_alive(), clock.run(), frames.run(), announce(bus, member))
    async with background(*running, ownership.run(), intake.run()):
        while not (ownership.ready and intake.ready):
            await asyncio.sleep(0.1)
        async with background(*(_camera(bus, publisher, f"cam{number}") for number in range(CAMERAS))):
            await asyncio.sleep(3)
            began_s, before = process_time(), len(notes.messages)
            await asyncio.sleep(seconds)
            return (process_time() - began_s) * 1e6 / (len(notes.messages) - before)


async def _camera(bus: Bus, publisher: LivePublisher, name: str) -> None:
    lease = Lease(bus, f"{SITE}.{name}", "benchmark")
    async with background(lease.run()):
        await lease.until_held()
        feed, due_s = publisher.feed(name, "people", lease), monotonic()
        while True:
            due_s += 1 / FPS
            await asyncio.sleep(max(0.0, due_s - monotonic()))
            await feed.publish(JPEG, partial(headers, monotonic(), 1000.0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("seconds", type=int)
    parser.add_argument("url")
    asked = parser.parse_args()
    print(asyncio.run(measure(asked.mode, asked.seconds, asked.url)))
