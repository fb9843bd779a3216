"""Readers of streams leave nothing behind in the connection, however they end."""

import asyncio

import pytest
from nats.js.api import ConsumerInfo

from events.errors import ReaderBroken
from events.stream.ordered_reader import OrderedReader
from vedette.bus.connection import Bus
from vedette.streams import EVENTS


def held(bus: Bus) -> tuple[int, int]:
    """Subscriptions, and listeners for a new connection."""
    return len(bus.client._subs), len(bus._listeners)


async def test_a_reader_that_can_not_be_opened_leaves_no_subscription(bus: Bus) -> None:
    await bus.jetstream.account_info()  # makes the library's own subscription for answers
    before = held(bus)
    with pytest.raises(ReaderBroken):
        async with OrderedReader(bus, "NO-SUCH-STREAM", ">"):
            pass
    assert held(bus) == before


async def test_a_reader_that_is_cancelled_while_it_opens_leaves_no_subscription(bus: Bus) -> None:
    await bus.jetstream.account_info()
    before = held(bus)
    joining = asyncio.Event()

    class Slow(OrderedReader):
        async def _join(self) -> ConsumerInfo:
            joining.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def read() -> None:
        async with Slow(bus, EVENTS, ">"):
            pass

    task = asyncio.create_task(read())
    await joining.wait()
    assert held(bus) != before
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert held(bus) == before
