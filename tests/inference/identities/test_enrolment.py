"""Real faces through the shipped models: told apart, recognised, unknown; and the pictures that enrol nobody."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from inference.identities.enrolment import Enrolled, NotEnrolled, Picture, enrol, remove
from inference.identities.gallery import Gallery
from tests.inference.identities.faces import nobody, portrait, reader, side_by_side, smaller
from tests.inference.identities.people import MODEL, SEALER, like, record, vector
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable
from vedette.identities.record import MOST_FACES, IdentityRecord, WrongName
from vedette.identities.store import IdentityStore, UnknownPerson
from vedette.secrets.sealing import Sealer
from vedette.snapshots.store import SnapshotStore

THRESHOLD = 0.363


@pytest.fixture(autouse=True, scope="module")
def models_are_loaded() -> None:
    reader()  # outside the event loop, which it would block


@pytest.fixture
def store(bus: Bus) -> IdentityStore:
    return IdentityStore(bus, SEALER)


@pytest.fixture
async def gallery(store: IdentityStore) -> AsyncIterator[Gallery]:
    gallery = Gallery(store, "staff", THRESHOLD)
    async with background(gallery.run()):
        await until(lambda: gallery.ready, "the gallery is known")
        yield gallery


async def enrolled(store: IdentityStore, name: str, *pictures: Picture, replace: bool = False) -> Enrolled:
    return await enrol(store, reader(), "staff", name, pictures, THRESHOLD, replace)


def of(name: str) -> Picture:
    return Picture(f"{name}.jpg", portrait(name))


def who(gallery: Gallery, name: str) -> str | None:
    """Whom the gallery takes the face of a portrait for."""
    (face,) = reader().read(portrait(name)).faces
    (match,) = gallery.match(face.vector[np.newaxis], face.model.digest)
    return match.name if match else None


async def test_two_people_are_told_apart_one_is_recognised_on_another_picture_and_a_stranger_is_not_named(
    store: IdentityStore, gallery: Gallery
) -> None:
    await enrolled(store, "Obama", of("obama"))
    await enrolled(store, "Biden", of("biden"))
    await until(lambda: who(gallery, "biden") == "Biden", "both are known")
    assert who(gallery, "obama2") == "Obama"
    assert who(gallery, "collins") is None


async def test_who_is_removed_is_a_stranger_again(store: IdentityStore, gallery: Gallery, bus: Bus) -> None:
    await enrolled(store, "Obama", of("obama"))
    await until(lambda: who(gallery, "obama2") == "Obama", "he is known")
    removed = await remove(store, SnapshotStore(bus), "staff", "obama")
    assert (removed.name, removed.was_enrolled, removed.snapshots) == ("Obama", True, 0)
    await until(lambda: who(gallery, "obama2") is None, "he is a stranger")
    with pytest.raises(UnknownPerson):
        await remove(store, SnapshotStore(bus), "staff", "obama")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (nobody(), "there is no face in it"),
        (side_by_side("obama", "biden"), "there are 2 faces in it: cut out the one that is meant"),
        (smaller("obama", 0.3), "pixels; 48 are the least"),
        (b"GIF89a", "can't be read"),
        (portrait("obama")[:9000], "can't be read"),
        (b"", "can't be read"),
    ],
)
async def test_a_picture_that_is_unfit_is_named_and_enrols_nobody(store: IdentityStore, data: bytes, why: str) -> None:
    with pytest.raises(NotEnrolled, match=rf"^second\.jpg: .*{why}"):
        await enrolled(store, "Obama", of("obama"), Picture("second.jpg", data))
    assert await store.read() == []


async def test_pictures_are_added_once_and_replaced_where_that_is_asked(store: IdentityStore) -> None:
    await enrolled(store, "Obama", of("obama"))
    again = await enrolled(store, "obama", of("obama"), of("obama2"))
    assert again.added == 1 and again.warnings == ["obama.jpg: was enrolled already"]
    assert again.record.name == "Obama" and len(again.record.faces) == 2
    replaced = await enrolled(store, "OBAMA", of("obama2"), replace=True)
    assert len(replaced.record.faces) == 1 and not replaced.warnings


async def test_who_resembles_another_or_not_their_own_pictures_is_warned_of(store: IdentityStore) -> None:
    await enrolled(store, "Obama", of("obama"))
    other = await enrolled(store, "Barack", of("obama2"))
    (warning,) = other.warnings
    assert "obama2.jpg: resembles Obama of the same gallery (similarity 0.7" in warning
    mixed = await enrolled(store, "Biden", of("biden"), of("collins"))
    (warning,) = mixed.warnings
    assert "collins.jpg: is unlike the person's other pictures" in warning


async def test_of_a_person_no_more_is_kept_than_the_most(store: IdentityStore) -> None:
    many = record("Obama", *(like(vector(1), 0.9, seed=seed) for seed in range(50, 50 + MOST_FACES)), model=MODEL)
    await store.edit("staff", "Obama", lambda _: many)
    with pytest.raises(NotEnrolled, match=f"{MOST_FACES + 1} vectors"):
        await enrolled(store, "Obama", of("obama"))


async def test_a_removal_that_is_broken_off_leaves_the_record_that_says_whose_snapshots_are_left(
    store: IdentityStore, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrolled(store, "Obama", of("obama"))
    snapshots = SnapshotStore(bus)

    async def lost(name: str) -> int:
        raise BusUnavailable(f"snapshots of {name}")

    with monkeypatch.context() as patch, pytest.raises(BusUnavailable, match="of Obama"):
        patch.setattr(snapshots, "delete_person", lost)
        await remove(store, snapshots, "staff", "OBAMA")
    assert (await remove(store, snapshots, "staff", "OBAMA")).name == "Obama"
    assert await store.read() == []


async def test_a_record_sealed_with_another_key_can_be_removed_by_its_id(bus: Bus) -> None:
    other = IdentityStore(bus, Sealer(bytes(32)))
    mine = IdentityStore(bus, SEALER)
    theirs = await enrol(other, reader(), "staff", "Obama", [of("obama")], THRESHOLD)
    removed = await remove(mine, SnapshotStore(bus), "staff", theirs.record.person)
    assert removed.name is None and removed.was_enrolled


async def test_a_name_that_is_none_is_refused_before_anything_is_read(store: IdentityStore) -> None:
    with pytest.raises(WrongName):
        await enrolled(store, " ", Picture("x.jpg", b""))


async def test_what_is_kept_is_neither_the_picture_nor_readable(store: IdentityStore, bus: Bus) -> None:
    done = await enrolled(store, "Obama", of("obama"))
    assert isinstance(done.record, IdentityRecord)
    raw = await bus.jetstream.get_last_msg("KV_vedette-identities", "$KV.vedette-identities.>")
    assert raw.data is not None and len(raw.data) < 2500
    assert b"Obama" not in raw.data
