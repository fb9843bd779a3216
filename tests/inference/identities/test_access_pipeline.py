"""The access pipeline with real faces, its models and a real gallery: who is enrolled is named, in each frame."""

import asyncio

import pytest

from inference.identities.enrolment import Picture, enrol, remove
from inference.identities.following import following
from tests.inference.cascade.access import ACCESS, EMBEDDING, LIVENESS, detecting, group, serving
from tests.inference.identities.faces import portrait, reader
from tests.inference.worker import Camera, Notes, listen
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.identities.store import IdentityStore
from vedette.messages import Detection
from vedette.secrets.sealing import identities_sealer_of
from vedette.snapshots.store import SnapshotStore


@pytest.fixture(autouse=True, scope="module")
def models_are_loaded() -> None:
    reader()  # outside the event loop, which it would block


class Door:
    """A camera that people stand before."""

    def __init__(self, bus: Bus, notes: Notes) -> None:
        self._camera = Camera(bus)
        self._notes = notes
        self._seq = 0

    async def faces(self, *names: str) -> list[Detection]:
        """What one frame's message says of them, left to right."""
        before, seq = len(self._notes.events), self._seq
        self._seq += 1
        await self._camera.frame(seq, group(*names), budget_ms=60_000.0)
        await until(lambda: len(self._notes.events) > before, f"detections of frame {seq}")
        event = self._notes.events[-1]
        assert event.frame.seq == seq and not event.incomplete
        return sorted(event.detections, key=lambda detection: detection.bbox[0])

    async def names(self, *names: str) -> list[object]:
        return [face.attributes.get("name") for face in await self.faces(*names)]


async def test_who_is_enrolled_is_named_on_another_picture_and_a_stranger_is_not(bus: Bus) -> None:
    config = Config()
    store = IdentityStore(bus, await asyncio.to_thread(identities_sealer_of, config))
    notes = await listen(bus)
    async with (
        following(config, bus, ["staff"]) as galleries,
        serving(bus, LIVENESS),
        serving(bus, EMBEDDING),
        detecting(bus, ACCESS, galleries),
    ):
        door = Door(bus, notes)
        await until(lambda: galleries["staff"].ready, "the gallery is known")
        for name, picture in (("Barack", "obama"), ("Joe", "biden")):
            await enrol(store, reader(), "staff", name, [Picture(picture, portrait(picture))], 0.363)

        async def both_are_known() -> bool:
            return await door.names("obama", "biden") == ["Barack", "Joe"]

        await until_async(both_are_known, "both are named")
        left, middle, right = await door.faces("obama2", "collins", "biden")
        assert left.attributes["name"] == "Barack" and 0.55 < float(str(left.attributes["similarity"])) < 0.95
        assert right.attributes["name"] == "Joe"
        assert "name" not in middle.attributes and "liveness" in middle.attributes

        await remove(store, SnapshotStore(bus), "staff", "Barack")

        async def he_is_forgotten() -> bool:
            return await door.names("obama2", "biden") == [None, "Joe"]

        await until_async(he_is_forgotten, "who was removed is nobody")
