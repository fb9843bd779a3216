"""A worker that is stopped while an event can't be stored."""

import asyncio
from collections.abc import Sequence
from unittest.mock import patch

from events.errors import PartitionLost
from events.stream.outgoing import Outgoing
from events.stream.publisher import Publisher
from tests.events.service.scenes import Walk, count, publish, stored, undisturbed
from tests.events.service.worker import working
from tests.waiting import until_async
from vedette.bus.connection import Bus


async def test_a_worker_that_is_stopped_before_an_event_is_stored_does_not_save_that_it_was_told(bus: Bus) -> None:
    camera = Walk("gate", frames=30)
    failing, stopped, failed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Failing(Publisher):
        async def publish(self, events: Sequence[Outgoing], stored_at_s: float) -> None:
            if not events:
                return
            failing.set()
            await stopped.wait()
            for _ in range(50):  # the worker waits for what is in hand by now
                await asyncio.sleep(0)
            failed.set()
            raise PartitionLost("the lease has run out")

    with patch("events.owned_partition.Publisher", Failing):
        async with working(bus, save_s=600) as ownership:
            for event in camera.events():
                await publish(bus, event)
            await failing.wait()
            for worker in ownership.workers.values():
                worker.stop()
            ownership.stop()
            stopped.set()
        assert failed.is_set()
    assert await count(bus) == 0
    async with working(bus):
        wanted = undisturbed(camera)

        async def there() -> bool:
            return await count(bus) >= len(wanted)

        await until_async(there, "another worker tells of all")
    assert [one.essence for one in await stored(bus)] == wanted
