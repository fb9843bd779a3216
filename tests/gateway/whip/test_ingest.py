"""What a reader gets of a publisher, over a real socket: from a keyframe on, bounded, and never half a picture."""

import asyncio
import struct
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import REGISTRY

from gateway.whip.access_unit import AccessUnit
from gateway.whip.ingest import NOBODY, REPLACED, Ingest
from gateway.whip.outlet import ROOM_BYTES
from tests.waiting import until

SIZE = 50_000


class Publisher:
    """Counts what is wanted of it."""

    codec = "VP8"

    def __init__(self) -> None:
        self.wanted = 0
        self.ended = ""

    def want_keyframe(self) -> None:
        self.wanted += 1

    def end(self, reason: str) -> None:
        self.ended = reason


def unit(number: int, *, keyframe: bool = False) -> AccessUnit:
    return AccessUnit(struct.pack("<I", number) + bytes(SIZE - 4), number * 3600, keyframe)


@asynccontextmanager
async def ingest(folder: Path) -> AsyncIterator[Ingest]:
    place = Ingest("lobby", folder / "lobby", lambda: True)
    await place.listen()
    try:
        yield place
    finally:
        await place.close()


async def connect(place: Ingest) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(place.url.removeprefix("unix://"), limit=1000)


async def number_of_next(reader: asyncio.StreamReader) -> int:
    size, timestamp = struct.unpack("<IQ", await reader.readexactly(12))
    (number,) = struct.unpack_from("<I", await reader.readexactly(size))
    assert timestamp == number * 3600
    return int(number)


def dropped() -> float:
    return (
        REGISTRY.get_sample_value("vedette_whip_frames_dropped_total", {"camera": "lobby", "reason": "reader"}) or 0.0
    )


async def test_a_reader_that_stalls_costs_a_bounded_share_and_goes_on_with_a_keyframe(tmp_path: Path) -> None:
    async with ingest(tmp_path) as place:
        publisher = Publisher()
        place.begin(publisher)
        reader, writer = await connect(place)
        await until(lambda: place._outlets, "it is let in")
        before, wanted = dropped(), publisher.wanted
        tracemalloc.start()
        for number in range(2000):  # 100 MB: keyframes come all the time
            place.deliver(publisher, unit(number, keyframe=number % 10 == 0))
            if number % 100 == 0:
                await asyncio.sleep(0)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert held < 2 * ROOM_BYTES
        assert publisher.wanted == wanted  # a keyframe would only be dropped
        assert (await reader.readexactly(32))[:4] == b"DKIF"
        delivered = 2000 - int(dropped() - before)
        assert [await number_of_next(reader) for _ in range(delivered)] == list(range(delivered))
        await until(lambda: not next(iter(place._outlets)).buffered_bytes, "it has caught up")
        place.deliver(publisher, unit(2001))
        assert publisher.wanted == wanted + 1
        place.deliver(publisher, unit(2002, keyframe=True))
        place.deliver(publisher, unit(2003))
        assert [await number_of_next(reader), await number_of_next(reader)] == [2002, 2003]
        writer.close()


async def test_the_first_reader_gets_what_came_since_the_last_keyframe(tmp_path: Path) -> None:
    async with ingest(tmp_path) as place:
        publisher = Publisher()
        place.begin(publisher)
        for number in (0, 1, 2, 3, 4):
            place.deliver(publisher, unit(number, keyframe=number in (0, 3)))
        reader, writer = await connect(place)
        await reader.readexactly(32)
        assert [await number_of_next(reader), await number_of_next(reader)] == [3, 4]
        assert publisher.wanted == 0
        second, second_writer = await connect(place)
        await until(lambda: publisher.wanted, "a keyframe is asked for")
        place.deliver(publisher, unit(5))
        place.deliver(publisher, unit(6, keyframe=True))
        await second.readexactly(32)
        assert await number_of_next(second) == 6
        assert await number_of_next(reader) == 5
        writer.close()
        second_writer.close()


async def test_what_is_kept_for_the_first_reader_is_bounded(tmp_path: Path) -> None:
    async with ingest(tmp_path) as place:
        publisher = Publisher()
        place.begin(publisher)
        for number in range(200):
            place.deliver(publisher, unit(number, keyframe=number == 0))
        assert not place._kept
        reader, writer = await connect(place)
        await until(lambda: publisher.wanted, "a keyframe is asked for")
        place.deliver(publisher, unit(200, keyframe=True))
        await reader.readexactly(32)
        assert await number_of_next(reader) == 200
        writer.close()


async def test_another_publisher_is_another_stream_and_the_former_says_nothing_any_more(tmp_path: Path) -> None:
    async with ingest(tmp_path) as place:
        assert (place.published, place.reason) == (False, NOBODY)
        former, later = Publisher(), Publisher()
        place.begin(former)
        reader, writer = await connect(place)
        await until(lambda: place._outlets, "it is let in")
        place.deliver(former, unit(0, keyframe=True))
        place.begin(later)
        assert former.ended == REPLACED
        place.deliver(former, unit(1))
        place.end(former, REPLACED)
        assert place.published
        assert len(await reader.read()) == 32 + 12 + SIZE  # and the end
        place.end(later, "gone")
        assert (place.published, place.reason) == (False, "gone")
        writer.close()


async def test_without_a_publisher_a_reader_finds_the_end_at_once(tmp_path: Path) -> None:
    async with ingest(tmp_path) as place:
        reader, writer = await connect(place)
        assert await reader.read() == b""
        writer.close()
