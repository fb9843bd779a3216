"""What is looked up, named and tried again of a partition's snapshots, with a store that tells what it was asked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest.mock import patch

from events.scenes.camera_scene import SceneKey
from events.snapshots.choice import Choice
from events.snapshots.maker import Made
from events.snapshots.object_snapshots import ObjectSnapshots
from events.snapshots.portrait import Portrait
from tests.events.snapshots.test_choice import portrait
from tests.waiting import until
from vedette.background import background
from vedette.config.snapshots_settings import Snapshots
from vedette.errors import BusUnavailable
from vedette.object_messages import Snapshot

GATE = SceneKey("plant-1", "gate", "people")


class FakeStore:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False
        self.written: dict[str, str] = {}
        self.meanwhile: Callable[[], None] = lambda: None

    async def of_object(self, site: str, camera: str, object_id: str) -> list[Any]:
        self.asked.append(object_id)
        await asyncio.sleep(0)
        if self.is_away:
            raise BusUnavailable("away")
        return []

    async def has(self, sha256: str) -> bool:
        self.meanwhile()
        return True

    async def name(self, site: str, camera: str, object_id: str, person: str) -> int:
        if self.is_away:
            raise BusUnavailable("away")
        self.written[object_id] = person
        return 0


class FakeMaker:
    """Makes nothing, and tells for whom it was to."""

    def __init__(self) -> None:
        self.settings = Snapshots(every_s=0.1)
        self.store = FakeStore()
        self.named: list[tuple[str, str | None]] = []
        self.made = asyncio.Event()

    async def make(self, portraits: Sequence[Portrait], choice: Choice, names: Mapping[str, str]) -> list[Made]:
        self.named += [(one.object, names.get(one.object)) for one in portraits]
        self.made.set()
        return []


async def told(key: SceneKey, object_id: str, snapshot: Snapshot) -> None:
    raise AssertionError("nothing is made")


def snapshots_of(maker: FakeMaker) -> ObjectSnapshots:
    fake: Any = maker
    return ObjectSnapshots(fake, told)


async def test_who_an_object_was_is_known_until_its_last_picture_is_taken() -> None:
    maker = FakeMaker()
    snapshots = snapshots_of(maker)
    snapshots.begin({"01A": (GATE, "Anna")}, {})
    snapshots._choice.store("01A", Snapshot(sha256="first", width=1, height=1), 0.001, 0.5)
    snapshots.see([portrait("01A")], behind=False)
    await snapshots._write_names()
    snapshots.keep([])  # it has ended
    maker.store.meanwhile = lambda: snapshots.keep([])
    async with background(snapshots.run()):
        await maker.made.wait()
    assert maker.named == [("01A", "Anna")]


async def test_names_that_nobody_wrote_are_handed_on_and_what_is_known_since_goes_before_them() -> None:
    first, second = FakeMaker(), FakeMaker()
    left, taken = snapshots_of(first), snapshots_of(second)
    first.store.is_away = True
    left.begin({"01A": (GATE, "Anna"), "01B": (GATE, "Ben")}, {})
    async with background(left.run()):
        await asyncio.sleep(0)
    taken.begin({"01B": (GATE, "Zoë")}, left.unwritten)
    async with background(taken.run()):
        await until(lambda: not taken.unwritten, "all are written")
    assert (first.store.written, second.store.written) == ({}, {"01A": "Anna", "01B": "Zoë"})


async def test_what_a_predecessor_has_is_looked_up_once_an_object_and_before_its_next_picture() -> None:
    maker = FakeMaker()
    snapshots = snapshots_of(maker)
    for picture in range(5):
        snapshots.see([portrait("01A", picture, confidence=0.5 + picture / 10)], behind=True)
    async with background(snapshots.run()):
        await maker.made.wait()
        assert maker.store.asked == ["01A"]
        maker.made.clear()
        for number in range(3):
            snapshots.see([portrait("01A", 9, 0.99), portrait(f"01B{number}", 9)], behind=True)
        await maker.made.wait()
    assert maker.store.asked == ["01A", "01B0", "01B1", "01B2"]


async def test_a_store_that_refuses_is_not_asked_again_at_once_though_pictures_are_due() -> None:
    maker = FakeMaker()
    snapshots = snapshots_of(maker)
    maker.store.is_away = True
    snapshots.see([portrait("01A")], behind=True)
    with patch("events.snapshots.object_snapshots._LOOK_AGAIN_S", 3600.0):
        async with background(snapshots.run()):
            for _ in range(100):
                await asyncio.sleep(0)
    assert maker.store.asked == ["01A"]
    assert maker.named == []
