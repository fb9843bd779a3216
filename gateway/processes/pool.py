"""The decode processes of a gateway, and which camera is in which."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from gateway import metrics
from gateway.processes.messages import ReaderPlan
from gateway.processes.placement import Balance, BalancePolicy, expected_cost, least_loaded
from gateway.processes.remote_reader import Listener, RemoteReader
from gateway.processes.slot import DecodeSlot
from vedette.background import background
from vedette.process.logs import about_camera

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0


class DecodePool:
    """Gives cameras their readers, each in the process that has the least to do; one that is too full gives one away.

    A process is started with its first camera, or before. One that dies or hangs is replaced; no other process notices.
    A camera over which one crashed goes to a process apart, so that it takes others down with it only once.
    """

    def __init__(self, processes: int, policy: BalancePolicy | None = None) -> None:
        self._policy = policy
        self._cameras: dict[DecodeSlot, set[RemoteReader]] = {
            DecodeSlot(f"decode-{number}"): set() for number in range(processes)
        }
        self._isolation = DecodeSlot("decode-isolated")
        self._readers: set[RemoteReader] = set()

    @property
    def used(self) -> float:
        """Cores that all processes use."""
        return sum(slot.used for slot in (*self._cameras, self._isolation))

    def costs(self) -> dict[str, float]:
        """Cores that each camera uses, or used when it ran last, as far as they were measured."""
        return {one.camera: one.cost.rate for one in self._readers if one.cost.rate is not None}

    def reader(self, camera: str, plan: ReaderPlan, listener: Listener) -> RemoteReader:
        """A reader for a camera; it is placed when it runs for the first time."""
        reader = RemoteReader(self, camera, plan, listener)
        self._readers.add(reader)
        return reader

    def begin(self, cameras: int) -> bool:
        """Start the processes that so many cameras will be in; whether all run. A camera that comes then is not dark
        for as long as one starts."""
        slots = list(self._cameras)[:cameras]
        for slot in slots:
            slot.begin()
        return all(slot.decided for slot in slots)

    async def run(self) -> None:
        """Keep the processes running and in balance; cancelled, end them."""
        async with asyncio.TaskGroup() as group:
            for slot in (*self._cameras, self._isolation):
                group.create_task(slot.run())
            group.create_task(self._watch())

    def place(self, reader: RemoteReader) -> DecodeSlot:
        """Where `reader` is to run."""
        slots = list(self._cameras)
        slot = slots[least_loaded(self._costs())]
        self._cameras[slot].add(reader)
        return slot

    def isolate(self, reader: RemoteReader) -> DecodeSlot:
        """Where `reader`, over which a process crashed, does no harm to others."""
        self._displace(reader)
        return self._isolation

    def forget(self, reader: RemoteReader) -> None:
        """`reader` will not run again."""
        self._readers.discard(reader)
        self._displace(reader)

    def _displace(self, reader: RemoteReader) -> None:
        for readers in self._cameras.values():
            readers.discard(reader)

    async def _watch(self) -> None:
        balance, looked_s = Balance[RemoteReader](self._policy), monotonic()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now_s = monotonic()
            we_slept = now_s - looked_s > 2 * _LOOK_EVERY_S
            looked_s = now_s
            for slot in (*self._cameras, self._isolation):
                slot.excuse(now_s) if we_slept else slot.check(now_s)
                metrics.DECODE_LOAD.labels(slot.name).set(slot.used)
            move = balance.next_move(now_s, [slot.used for slot in self._cameras], self._costs())
            if move is not None:
                self._move(move.camera, list(self._cameras)[move.target])

    def _move(self, reader: RemoteReader, target: DecodeSlot) -> None:
        self._displace(reader)
        self._cameras[target].add(reader)
        metrics.CAMERA_MOVES.labels(reader.camera).inc()
        with about_camera(reader.camera):
            logger.info("moved to the process %s, as its own one is busy", target.name)
        reader.move(target)

    def _costs(self) -> list[dict[RemoteReader, float]]:
        readers = [reader for placed in self._cameras.values() for reader in placed]
        unknown = expected_cost([reader.cost.rate for reader in readers if reader.cost.rate is not None])
        return [
            {reader: unknown if (cost := reader.cost_now) is None else cost for reader in placed}
            for placed in self._cameras.values()
        ]


@asynccontextmanager
async def decode_pool(processes: int, policy: BalancePolicy | None = None) -> AsyncIterator[DecodePool]:
    """A pool that runs while the body does. 0 processes: as many as there are cores."""
    pool = DecodePool(processes or len(os.sched_getaffinity(0)), policy)
    async with background(pool.run()):
        yield pool
