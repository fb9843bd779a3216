"""Keeps a worker to its share of the partitions, as workers come and go."""

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from events import metrics
from events.ownership.shares import share_of
from vedette.background import background, end
from vedette.bus.connection import Bus
from vedette.fleet.member_watch import MemberWatch
from vedette.fleet.members import Member
from vedette.subjects import PARTITIONS

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_LOOK_FIRST_EVERY_S = 0.05
"""Until it is known who else is there."""


class Worker(Protocol):
    """What runs one partition."""

    @property
    def held(self) -> bool: ...
    @property
    def ready(self) -> bool: ...
    def stop(self) -> None: ...
    async def run(self) -> None: ...


W = TypeVar("W", bound=Worker)


class Ownership(Generic[W]):
    """Runs a worker for each partition that is ours. A partition that should be another's is left in order, and its
    lease given back; the other one waits for that."""

    def __init__(self, bus: Bus, member: Member, build: Callable[[int], W], weight: float = 1.0) -> None:
        """`weight`: as our heartbeats say it."""
        self.workers: dict[int, W] = {}
        """By partition; those that are about to end too."""
        self._members = MemberWatch(bus, None)
        self._member = member
        self._build = build
        self._weight = weight
        self._share: frozenset[int] = frozenset()
        self._stopping = asyncio.Event()
        self._known = False

    @property
    def ready(self) -> bool:
        """All of our share is in our hands and has been read up to its end."""
        return self._known and all(part in self.workers and self.workers[part].ready for part in self._share)

    @property
    def held(self) -> list[int]:
        """The partitions that are ours now."""
        return sorted(partition for partition, worker in self.workers.items() if worker.held)

    def stop(self) -> None:
        """Leave everything in order."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`, and until all partitions are left."""
        tasks: set[asyncio.Task[None]] = set()
        async with background(self._members.run()), asyncio.TaskGroup() as group:
            try:
                while not self._stopping.is_set():
                    self._look()
                    for partition in sorted(self._share - self.workers.keys()):
                        task = group.create_task(self._run(partition, self._build(partition)))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                    for partition in self.workers.keys() - self._share:
                        self.workers[partition].stop()
                    metrics.PARTITIONS.set(len(self.held))
                    await self._pause()
            except asyncio.CancelledError:
                await end(tasks)
                raise
            for worker in self.workers.values():
                worker.stop()

    async def _run(self, partition: int, worker: W) -> None:
        self.workers[partition] = worker
        try:
            await worker.run()
        finally:
            del self.workers[partition]

    def _look(self) -> None:
        """Without a bus nobody is heard, and the share stays as it is."""
        if not self._members.fresh:
            return
        workers = {member.name: _weight(member) for member in self._members.live(self._member.kind)}
        share = share_of(self._member.name, workers | {self._member.name: self._weight}, PARTITIONS)
        if share != self._share or not self._known:
            logger.info("%s of %s partitions are this worker's", len(share), PARTITIONS)
        self._share, self._known = share, True

    async def _pause(self) -> None:
        waiting = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((waiting,), timeout=_LOOK_EVERY_S if self._known else _LOOK_FIRST_EVERY_S)
        finally:
            await end((waiting,))


def _weight(member: Member) -> float | None:
    weight = member.detail.get("weight")
    return float(weight) if isinstance(weight, int | float) else None
