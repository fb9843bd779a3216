"""Whose face it is: the most alike, over the threshold, by the same model, as the bucket has it now."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.identities.gallery import Gallery, People
from inference.identities.vector_index import VectorIndex
from tests.inference.identities.people import MODEL, OTHER, SEALER, like, record, vector
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.identities.record import IdentityRecord
from vedette.identities.store import IdentityStore

ANNA, BEN = record("Anna", vector(1), vector(2)), record("Ben", vector(3))


def names(gallery: Gallery, *vectors: np.ndarray, digest: str = MODEL.digest) -> list[str | None]:
    return [match.name if match else None for match in gallery.match(np.stack(vectors), digest)]


def told(*people: IdentityRecord, threshold: float = 0.363) -> Gallery:
    """A gallery of these people, without a bus."""
    gallery = Gallery(IdentityStore(None, SEALER), "staff", threshold)  # type: ignore[arg-type]
    gallery._tell(list(people))
    return gallery


def test_each_face_gets_the_person_most_alike_on_any_of_their_pictures() -> None:
    gallery = told(ANNA, BEN)
    assert names(gallery, like(vector(2), 0.8), like(vector(3), 0.7), like(vector(1), 0.5)) == ["Anna", "Ben", "Anna"]


def test_of_several_that_are_near_the_nearest_is_named_alone() -> None:
    near = record("Cleo", like(vector(1), 0.9, seed=50))
    face = like(vector(1), 0.95, seed=51)
    (match,) = told(ANNA, near).match(face[None], MODEL.digest)
    assert match is not None and match.name == "Anna"
    assert match.similarity == pytest.approx(0.95, abs=1e-5)


@pytest.mark.parametrize(("similarity", "name"), [(0.51, "Anna"), (0.49, None), (-0.9, None), (1.0, "Anna")])
def test_below_the_threshold_nobody_is_named(similarity: float, name: str | None) -> None:
    assert names(told(ANNA, threshold=0.5), like(vector(1), similarity)) == [name]


def test_vectors_of_another_model_match_nobody_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    gallery = told(ANNA, BEN)
    for _ in range(3):
        assert names(gallery, vector(1), digest=OTHER.digest) == [None]
    assert caplog.text.count("nobody was enrolled with the model") == 1


def test_somebody_enrolled_with_two_models_is_found_by_both() -> None:
    both = record("Anna", vector(1))
    both = IdentityRecord(both.gallery, both.person, "Anna", both.faces + record("", vector(9, 64), model=OTHER).faces)
    gallery = told(both)
    assert names(gallery, vector(1)) == ["Anna"]
    assert names(gallery, vector(9, 64), digest=OTHER.digest) == ["Anna"]


def test_what_is_no_vector_is_nobody_and_spoils_no_other() -> None:
    bad = [np.full(128, value, np.float32) for value in (np.nan, np.inf, 0.0)]
    assert names(told(ANNA), *bad, vector(1)) == [None, None, None, "Anna"]


def test_vectors_of_another_dimension_are_nobodys() -> None:
    assert names(told(ANNA), vector(1, 64)) == [None]


@pytest.mark.parametrize("gallery", [told(), told(ANNA)])
def test_no_faces_are_no_matches(gallery: Gallery) -> None:
    assert gallery.match(np.empty((0, 128), np.float32), MODEL.digest) == []


def test_an_empty_gallery_names_nobody() -> None:
    assert names(told(), vector(1)) == [None]


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(0, 2**31), st.floats(0.01, 100))
def test_the_index_finds_what_comparing_with_each_finds(size: int, seed: int, scale: float) -> None:
    enrolled = [vector(seed + number, 16) for number in range(size)]
    asked = np.stack([vector(seed + 1000 + number, 16) for number in range(3)])
    found = VectorIndex(enrolled, [7 * number for number in range(size)]).nearest(asked * np.float32(scale))
    cosines = asked @ np.stack(enrolled).T
    assert [one.owner for one in found] == [7 * best for best in cosines.argmax(axis=1)]
    np.testing.assert_allclose([one.similarity for one in found], cosines.max(axis=1), atol=1e-5)


def test_who_cant_be_read_is_left_out_and_the_others_are_compared() -> None:
    assert [record.name for record in People([ANNA, BEN]).records] == ["Anna", "Ben"]


async def test_who_is_enrolled_or_removed_counts_without_a_restart(bus: Bus) -> None:
    store = IdentityStore(bus, SEALER)
    gallery = Gallery(store, "staff", 0.363)
    assert names(gallery, vector(1)) == [None] and not gallery.ready
    async with background(gallery.run()):
        await until(lambda: gallery.ready, "the gallery is known, though it is empty")
        stored = await store.edit("staff", "Anna", lambda _: ANNA)
        await until(lambda: names(gallery, vector(1)) == ["Anna"], "Anna is named")
        await store.remove(stored)
        await until(lambda: names(gallery, vector(1)) == [None], "Anna is nobody")
