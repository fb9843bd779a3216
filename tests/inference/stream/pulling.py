"""Intakes on a real work queue, in front of a desk whose work a test lets go."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg

from inference.stream.intake import Intake, Serve
from inference.stream.room import Place, Room
from tests.inference.worker import Camera
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.consumers import work_consumer
from vedette.streams import WORK


class Plane:
    def __init__(self, capacity: int = 4) -> None:
        self.capacity = capacity


class Desk:
    """Serves a message when the test lets it, and acknowledges it."""

    def __init__(self) -> None:
        self.in_hand: list[str] = []
        self.most = 0
        self.done: list[str] = []
        self.may_go = asyncio.Event()
        self.failing: set[str] = set()

    async def serve(self, message: Msg, place: Place) -> None:
        camera = message.subject.rpartition(".")[2]
        self.in_hand.append(camera)
        self.most = max(self.most, len(self.in_hand))
        try:
            await self.may_go.wait()
            if camera in self.failing:
                raise RuntimeError(f"no luck with {camera}")
            await message.ack_sync()
            self.done.append(camera)
        finally:
            self.in_hand.remove(camera)


@asynccontextmanager
async def pulling(bus: Bus, serve: Serve, room: Room | None = None, pipeline: str = "people") -> AsyncIterator[Intake]:
    intake = Intake(bus, WORK, work_consumer(pipeline), room or Room(Plane()), serve)
    async with asyncio.TaskGroup() as group:
        group.create_task(intake.run())
        await until(lambda: intake.ready, "the intake is ready")
        try:
            yield intake
        finally:
            intake.stop()


async def offer(bus: Bus, *numbers: int, pipeline: str = "people") -> None:
    for number in numbers:
        await Camera(bus, f"cam-{number}", pipeline).offer()
    await bus.client.flush()


async def waiting_requests(bus: Bus) -> int:
    answer = await bus.client.request(f"$JS.API.CONSUMER.INFO.{WORK}.w-people", b"", timeout=90)
    return int(json.loads(answer.data)["num_waiting"])
