"""Cameras at the message level: JPEGs of the bundled scene replayed through the gateway's own publisher, evenly spread.

Usage: python -m benchmarks.load CONFIG --cameras N --fps F. Runs until it is interrupted.
"""

import argparse
import asyncio
import datetime as dt
import random
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from time import monotonic

import av

from gateway.fleet.live_publisher import LivePublisher
from gateway.pictures.picture import PictureEncoder
from vedette.bus.address import address_of
from vedette.bus.connection import connect
from vedette.config.file import load_config
from vedette.fleet.leases import Lease
from vedette.frames import FrameHeaders
from vedette.process.shell import DONE, Stop
from vedette.process.shell import run as run_process

VIDEO = Path(__file__).parent.parent / "media" / "pedestrians.mp4"


def jpegs(count: int = 50) -> list[bytes]:
    """The scene at 5 frames a second, as the gateway encodes it for a pipeline of 640 pixels; then back to its begin,
    so that it can be shown again and again without people who jump."""
    encoder = PictureEncoder(640)
    with av.open(str(VIDEO)) as container:
        sampled = islice(container.decode(video=0), 0, None, 5)
        forth = [encoder.encode(frame).jpeg for frame in islice(sampled, count)]
    return forth + forth[-2:0:-1]


def headers(arrived_s: float, budget_ms: float, epoch: int, seq: int) -> FrameHeaders:
    now = dt.datetime.now(dt.UTC)
    age_ms = (monotonic() - arrived_s) * 1000
    return FrameHeaders(
        epoch, seq, None, now - dt.timedelta(milliseconds=age_ms), "arrival", age_ms, budget_ms, 768, 576
    )


async def replay(config_path: Path, cameras: int, fps: float, random_phases: bool, stop: Stop) -> int:
    config = load_config(config_path)
    pictures = jpegs()
    async with await connect(address_of(config, "gateway"), "load") as bus, asyncio.TaskGroup() as group:
        publisher = LivePublisher(bus, config.site)
        await publisher.start()
        begun_s = monotonic() + 3

        async def camera(number: int) -> None:
            lease = Lease(bus, f"{config.site}.cam{number}", "load")
            keeping = asyncio.create_task(lease.run())
            await lease.until_held()
            feed = publisher.feed(f"cam{number}", "people", lease)
            phase = random.random() if random_phases else number / cameras  # noqa: S311 -- no secret
            due_s = begun_s + phase / fps
            begin = random.randrange(len(pictures))  # noqa: S311 -- no secret
            scene = islice(cycle(pictures), begin, None)
            try:
                while not stop.requested:
                    await asyncio.sleep(max(0.0, due_s - monotonic()))
                    await feed.publish(next(scene), partial(headers, monotonic(), config.inference.budget_ms))
                    due_s += 1 / fps
            finally:
                keeping.cancel()

        for number in range(cameras):
            group.create_task(camera(number))
    return DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--cameras", type=int, required=True)
    parser.add_argument("--fps", type=float, required=True)
    parser.add_argument("--random-phases", action="store_true", help="cameras at random, instead of evenly spread")
    arguments = parser.parse_args()
    run_process(lambda stop: replay(arguments.config, arguments.cameras, arguments.fps, arguments.random_phases, stop))
