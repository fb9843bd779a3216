"""Snapshots out of the main stream's picture, where the camera's gateway gives it."""

import datetime as dt
import hashlib

import cv2
import numpy as np
import pytest
from nats.aio.msg import Msg

from events.snapshots.main_picture import main_picture
from events.snapshots.portrait import Portrait
from tests.events.service.scenes import SITE, Walk
from tests.events.service.worker import working
from tests.events.snapshots.films import EAGER, film
from tests.waiting import until_async
from vedette.bus.connection import Bus
from vedette.messages import FrameRef
from vedette.snapshots.record import Query, SnapshotRecord
from vedette.snapshots.store import SnapshotStore
from vedette.stills import StillWanted
from vedette.subjects import still

LARGE = (1920, 1080)
INFERRED = (640, 360)


def large_picture() -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (135, 240, 1), np.uint8)
    shown = cv2.cvtColor(cv2.resize(noise, LARGE), cv2.COLOR_GRAY2BGR)
    return bytes(cv2.imencode(".jpg", shown)[1].tobytes())


def a_walk() -> Walk:
    return Walk("gate", 30, "arrival", begin=dt.datetime.now(dt.UTC).replace(microsecond=0))


async def answering(bus: Bus, answer: bytes) -> list[StillWanted]:
    """What the camera's gateway is asked for, which answers always the same."""
    asked: list[StillWanted] = []

    async def on_message(message: Msg) -> None:
        asked.append(StillWanted.model_validate_json(message.data))
        await message.respond(answer)

    await bus.client.subscribe(still(SITE, "gate"), cb=on_message)
    await bus.settle()
    return asked


async def snapshots_of(bus: Bus, walk: Walk) -> list[SnapshotRecord]:
    """After its first frames."""
    store = SnapshotStore(bus)
    async with working(bus, snapshots=EAGER):
        for seq in range(walk.frames):
            await film(bus, walk, seq)

        async def there() -> bool:
            return len((await store.page(Query(camera="gate"))).records) >= 2

        await until_async(there, "snapshots", 60)
        return list((await store.page(Query(camera="gate"), limit=1000)).records)


async def test_they_are_cut_out_of_the_main_picture(bus: Bus) -> None:
    walk, picture = a_walk(), large_picture()
    asked = await answering(bus, picture)
    records = await snapshots_of(bus, walk)
    wholes = [record for record in records if record.kind == "full"]
    crops = [record for record in records if record.kind == "crop"]
    assert {(one.width, one.height, one.sha256) for one in wholes} == {(*LARGE, hashlib.sha256(picture).hexdigest())}
    largest = max(detection.bbox[3] for seq in range(walk.frames) for detection in walk.event(seq).data.detections)
    assert max(crop.height for crop in crops) > largest * INFERRED[1] * 1.5, "larger than it was inferred"
    moments = {walk.event(seq).data.frame.arrived_at for seq in range(walk.frames)}
    assert {one.arrived_at for one in asked} <= moments


async def test_without_one_that_can_be_read_they_are_cut_out_of_what_was_inferred(bus: Bus) -> None:
    walk = a_walk()
    asked = await answering(bus, b"no picture")
    wholes = [record for record in await snapshots_of(bus, walk) if record.kind == "full"]
    assert asked
    assert {(one.width, one.height) for one in wholes} == {INFERRED}


def portrait_of(frame: FrameRef) -> Portrait:
    return Portrait(SITE, "gate", "people", "01", "person", None, 0.9, (0.1, 0.1, 0.2, 0.2), frame, None)


@pytest.mark.parametrize("answer", [None, b"", b"\xff\xd8\xff\xc0"])
async def test_there_is_none_where_nobody_gives_one_or_it_is_cut_off(bus: Bus, answer: bytes | None) -> None:
    if answer is not None:
        await answering(bus, answer)
    assert await main_picture(bus, portrait_of(a_walk().event(0).data.frame)) is None


async def test_an_onset_frame_is_asked_for_by_its_own_arrival_or_not_at_all(bus: Bus) -> None:
    asked = await answering(bus, large_picture())
    frame = a_walk().event(0).data.frame
    later = frame.arrived_at + dt.timedelta(seconds=2)
    for clock in ("arrival", "rtcp"):
        onset = frame.model_copy(update={"gate": "onset", "clock": clock, "arrived_at": later})
        await main_picture(bus, portrait_of(onset))
    assert [one.arrived_at for one in asked] == [frame.captured_at]
