"""What the store of snapshots costs when it is large: pages, deletion and storing, with a server of its own.

The pictures are 100 bytes each: what is measured is the index. They are of 100 cameras over three weeks, every tenth of
one of a thousand people.
"""

import asyncio
import datetime as dt
import hashlib
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.results import Result
from tests.nats_server import NatsServer
from vedette.bus.connection import connect
from vedette.snapshots.record import Query, SnapshotRecord
from vedette.snapshots.store import SnapshotStore

_AT_ONCE = 200
_BEGIN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
_SPAN = dt.timedelta(days=21)


def run(quick: bool) -> Result:
    number = 4_000 if quick else 100_000
    figures: dict[str, Any] = {"pictures": number, **asyncio.run(_measure(number))}
    what = "The store of snapshots: pages of 100 records, storing of two pictures, deletion; by the index alone."
    return Result("snapshots", what, figures)


async def _measure(number: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            async with await connect(server.address, "benchmark") as bus:
                return await _of(SnapshotStore(bus), number)
        finally:
            server.close()


async def _of(store: SnapshotStore, number: int) -> dict[str, float]:
    began_s = monotonic()
    for start in range(0, number, _AT_ONCE):
        await store.put([_picture(n, number) for n in range(start, min(number, start + _AT_ONCE))])
    figures = {"fill_s": monotonic() - began_s}
    day = Query(since=_BEGIN + dt.timedelta(days=5), before=_BEGIN + dt.timedelta(days=6))
    figures["page_of_all_ms"] = await _ms(store.page(Query()))
    figures["page_of_a_camera_ms"] = await _ms(store.page(Query(camera="cam-3")))
    figures["page_of_a_person_ms"] = await _ms(store.page(Query(person="person 10")))
    figures["page_of_1000_of_a_day_ms"] = await _ms(store.page(day, limit=1000))
    figures["page_of_a_label_that_nothing_has_ms"] = await _ms(store.page(Query(label="zebra")))
    figures["put_ms"] = await _ms(store.put([_picture(number, number), _picture(number + 1, number)]))
    figures["delete_a_camera_ms_a_picture"] = await _ms(store.delete(Query(camera="cam-7"))) / (number / 100)
    return {name: round(value, 2) for name, value in figures.items()}


def _picture(n: int, number: int) -> tuple[SnapshotRecord, bytes]:
    jpeg = n.to_bytes(100)
    record = SnapshotRecord(
        sha256=hashlib.sha256(jpeg).hexdigest(),
        kind="crop",
        site="plant-1",
        camera=f"cam-{n % 100}",
        pipeline="people",
        object=f"01{n:024d}",
        label="person",
        person=f"person {n % 1000}" if n % 10 == 0 else None,
        captured_at=_BEGIN + _SPAN * (n / number),
        width=71,
        height=116,
    )
    return record, jpeg


async def _ms(request: Awaitable[object]) -> float:
    began_s = monotonic()
    await request
    return 1000 * (monotonic() - began_s)
