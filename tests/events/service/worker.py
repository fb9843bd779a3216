"""Events workers inside the test, and in processes of their own that can be killed."""

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest.mock import patch

from events.ownership.ownership import Ownership
from events.partition_worker import PartitionWorker
from events.scenes.camera_scene import SceneKey
from events.settings import SceneSettings
from events.snapshots.maker import SnapshotMaker
from tests.waiting import until, until_async
from vedette.background import background, end
from vedette.buckets import LEASES
from vedette.bus.connection import Bus
from vedette.config.snapshots_settings import Snapshots
from vedette.fleet.members import announce, new_member

SNAPSHOTS = Snapshots()
LEASE_S = 60.0
"""Of workers in the test's process; those in processes of their own have the product's."""
ROOT = Path(__file__).resolve().parents[3]
_ADDRESS = re.compile(r"health and metrics on (http://\S+)")
CONFIG = """
site: plant-1
nats: {{url: "nats://127.0.0.1:{port}"}}
events: {{save_s: {save_s}}}
retention: {{detections_gib: 0.5, events_gib: 0.5, snapshots_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}
"""


def plain(key: SceneKey) -> SceneSettings:
    """No zones, and the defaults."""
    return SceneSettings()


@asynccontextmanager
async def working(
    bus: Bus, save_s: float = 0.5, orderly: bool = True, snapshots: Snapshots = SNAPSHOTS
) -> AsyncIterator[Ownership[PartitionWorker]]:
    """A worker of all partitions while the body runs; ended as on a stop, or else without saving anything more."""
    member = new_member("events", "plant-1", "127.0.0.1:0")
    maker = SnapshotMaker(bus, snapshots)
    ownership = Ownership(bus, member, lambda part: PartitionWorker(bus, part, member.name, plain, save_s, maker))
    await _let_leases_last(bus)
    with patch("vedette.fleet.leases.MEMBERSHIP_TTL_S", LEASE_S):
        async with background(announce(bus, member)), asyncio.TaskGroup() as group:
            running = group.create_task(ownership.run())
            await until(lambda: ownership.ready, "all partitions are ours", 90)
            try:
                yield ownership
            finally:
                if orderly:
                    ownership.stop()
                else:
                    await end([running])
                    await bus.jetstream.purge_stream(f"KV_{LEASES}")  # as if their time had run out
    maker.close()


async def _let_leases_last(bus: Bus) -> None:
    """A stall of a slow machine is not what tests with a worker of their own process are about."""
    config = (await bus.jetstream.stream_info(f"KV_{LEASES}")).config
    await bus.jetstream.update_stream(config.evolve(max_age=LEASE_S))


class Process:
    """`vedette events` in a process of its own."""

    def __init__(self, config: Path, log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "vedette", "events", str(config), "--listen", "127.0.0.1:0"]
        with log.open("wb") as output:
            self.popen = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)

    @property
    def text(self) -> str:
        return self.log.read_text()

    async def readiness(self) -> dict[str, object]:
        """What `/readyz` says."""
        await until(lambda: _ADDRESS.search(self.text) or self.popen.poll() is not None, lambda: self.text, 60)
        found = _ADDRESS.search(self.text)
        assert found is not None, self.text
        answer: dict[str, object] = await asyncio.to_thread(_get, f"{found[1]}/readyz")
        return answer

    async def until_ready(self) -> None:
        async def ready() -> bool:
            assert self.popen.poll() is None, self.text
            return bool((await self.readiness())["ready"])

        await until_async(ready, lambda: self.text, 90)

    async def partitions(self) -> list[int]:
        """Those that it holds."""
        said = (await self.readiness())["events"]
        assert isinstance(said, dict)
        return list(said["partitions"])

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


def _get(url: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(url, timeout=90) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.loads(error.read()))


@contextmanager
def processes(folder: Path, port: int, count: int, save_s: float = 1.0) -> Iterator[list[Process]]:
    """So many workers; killed at the end."""
    config = folder / "events.yaml"
    config.write_text(CONFIG.format(port=port, save_s=save_s))
    started = [Process(config, folder / f"events-{number}.log") for number in range(count)]
    try:
        yield started
    finally:
        for one in started:
            one.end()
