"""People in the bucket: sealed, followed, changed by several at a time, and gone when they are removed."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inference.identities.people import AT, MODEL, SEALER, record, vector
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.buckets import IDENTITIES
from vedette.bus import bucket_watch
from vedette.bus.bucket_watch import BucketWatch, Stored
from vedette.bus.connection import Bus, connect
from vedette.errors import Conflict
from vedette.identities.record import (
    EnrolledFace,
    IdentityEntry,
    IdentityRecord,
    UnreadableIdentity,
    WrongName,
    checked_name,
    decode,
    encode,
    person_of,
)
from vedette.identities.store import IdentityStore, OpenedRecords, UnknownPerson
from vedette.secrets.sealing import Sealer

ANNA = record("Anna Müller", vector(1), vector(2))
KEY = f"staff.{ANNA.person}"


async def put(store: IdentityStore, person: IdentityRecord) -> IdentityRecord:
    return await store.edit(person.gallery, person.name, lambda _: person)


def test_a_record_comes_back_as_it_was() -> None:
    found = decode(encode(ANNA, SEALER), KEY, 7, SEALER)
    assert isinstance(found, IdentityRecord)
    assert (found.gallery, found.person, found.name, found.revision) == ("staff", ANNA.person, "Anna Müller", 7)
    assert [(face.model, face.enrolled_at) for face in found.faces] == [(MODEL, AT)] * 2
    np.testing.assert_array_equal([face.vector for face in found.faces], [face.vector for face in ANNA.faces])


def test_neither_key_nor_value_says_who_it_is_or_how_they_look() -> None:
    value = encode(ANNA, SEALER)
    assert "anna" not in KEY.lower()
    assert b"Anna" not in value and ANNA.faces[0].vector.tobytes() not in value


@pytest.mark.parametrize(
    ("value", "key", "why"),
    [
        (encode(ANNA, SEALER), "staff.0000000000000000", "sealed with another key"),
        (encode(ANNA, Sealer(bytes(32))), KEY, "identities.key_file"),
        (b'{"version": 2, "sealed": ""}', KEY, "of another version"),
        (b'{"version": 1}', KEY, "no person's record"),
        (b"[" * 100_000, KEY, "no person's record"),
        (b"\xff", KEY, "no person's record"),
    ],
)
def test_what_is_no_record_of_this_key_is_told_as_such(value: bytes, key: str, why: str) -> None:
    found = decode(value, key, 3, SEALER)
    assert isinstance(found, UnreadableIdentity) and why in found.why and found.revision == 3


def test_a_vector_that_is_none_makes_the_record_unreadable() -> None:
    broken = record("Ben", vector(1) * np.float32(np.nan))
    assert isinstance(decode(encode(broken, SEALER), f"staff.{broken.person}", 1, SEALER), UnreadableIdentity)


def test_one_name_is_one_person_however_it_is_written() -> None:
    ids = {person_of("staff", name, SEALER) for name in ("Anna Müller", " anna müller ", "ANNA MU\u0308LLER")}
    assert len(ids) == 1
    assert ids.isdisjoint({person_of("guests", "Anna Müller", SEALER), person_of("staff", "Anna Muller", SEALER)})


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "x" * 101])
def test_a_name_that_cant_be_displayed_is_refused(name: str) -> None:
    with pytest.raises(WrongName):
        checked_name(name)


def test_another_value_at_the_same_revision_is_another_person() -> None:
    """As in a bucket that was made anew."""
    people, other = OpenedRecords(SEALER), record("anna müller", vector(9))
    for one in (ANNA, other):
        (entry,) = people.take({KEY: Stored(encode(one, SEALER), 1)})
        assert isinstance(entry, IdentityRecord) and entry.name == one.name


@given(st.binary(max_size=200))
def test_whatever_lies_there_is_told_as_none(value: bytes) -> None:
    assert isinstance(decode(value, KEY, 1, SEALER), UnreadableIdentity)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "faces", "model", "model_version", "digest", "enrolled_at", "vector"]),
                inner,
                max_size=7,
            )
        ),
    )
)
def test_whatever_is_sealed_there_is_no_error(content: object) -> None:
    value = json.dumps({"version": 1, "sealed": SEALER.seal(json.dumps(content), KEY)}).encode()
    found = decode(value, KEY, 1, SEALER)
    assert isinstance(found, UnreadableIdentity) or not found.faces


async def test_people_are_found_by_name_and_by_id_in_their_own_gallery(bus: Bus) -> None:
    store = IdentityStore(bus, SEALER)
    await put(store, ANNA)
    await put(store, record("Ben", vector(3), gallery="guests"))
    assert [entry.gallery for entry in await store.read()] == ["guests", "staff"]
    assert [entry.person for entry in await store.read("staff")] == [ANNA.person]
    for called in ("anna müller", ANNA.person):
        assert (await store.find("staff", called)).person == ANNA.person
    with pytest.raises(UnknownPerson, match="'Ben'"):
        await store.find("staff", "Ben")


async def test_whoever_follows_is_told_of_each_change_and_of_no_other_gallery(bus: Bus) -> None:
    store = IdentityStore(bus, SEALER)
    told: list[list[IdentityEntry]] = []
    async with background(store.follow("staff", told.append)):
        await until(lambda: told == [[]], "an empty gallery is told")
        await put(store, record("Ben", vector(3), gallery="guests"))
        stored = await put(store, ANNA)
        await until(lambda: len(told[-1]) == 1, "Anna is told")
        await store.remove(stored)
        await until(lambda: told[-1] == [], "that she is gone is told")
    assert {entry.gallery for entries in told for entry in entries} == {"staff"}


async def test_whoever_follows_is_told_nothing_by_a_watch_that_is_made_anew_and_finds_all_as_it_was(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, rounds, follow = IdentityStore(bus, SEALER), 0, BucketWatch._follow
    await put(store, ANNA)
    told: list[list[IdentityEntry]] = []

    async def counted(self: BucketWatch, *args: Any) -> None:
        nonlocal rounds
        await follow(self, *args)
        rounds += 1

    monkeypatch.setattr(bucket_watch, "_ANEW_AFTER_S", 0.7)
    monkeypatch.setattr(BucketWatch, "_follow", counted)
    async with background(store.follow("staff", told.append)):
        await until(lambda: told, "Anna is told")
        seen = rounds
        await until(lambda: rounds >= seen + 3, "the watch was made anew")
        await put(store, record("Ben", vector(3)))
        await until(lambda: len(told[-1]) == 2, "a change is told")
    assert [len(entries) for entries in told] == [1, 2]


async def test_of_a_person_who_was_removed_the_server_keeps_nothing(bus: Bus) -> None:
    store = IdentityStore(bus, SEALER)
    await store.remove(await put(store, ANNA))
    assert await store.read("staff") == []
    info = await bus.jetstream.stream_info(f"KV_{IDENTITIES}")
    (left,) = [await bus.jetstream.get_last_msg(f"KV_{IDENTITIES}", f"$KV.{IDENTITIES}.{KEY}")]
    assert info.state.messages == 1 and not left.data


async def test_a_person_that_has_changed_meanwhile_is_not_removed(bus: Bus) -> None:
    store = IdentityStore(bus, SEALER)
    first = await put(store, ANNA)
    await put(store, ANNA)
    with pytest.raises(Conflict):
        await store.remove(first)


async def test_faces_that_several_add_at_a_time_are_all_kept(bus: Bus) -> None:
    store = IdentityStore(bus, SEALER)

    async def add(seed: int) -> None:
        face = EnrolledFace(vector(seed), MODEL, AT)

        def added(had: IdentityRecord | None) -> IdentityRecord:
            faces = had.faces if had is not None else ()
            return IdentityRecord("staff", ANNA.person, "Anna Müller", (*faces, face))

        await store.edit("staff", "Anna Müller", added)

    async with asyncio.TaskGroup() as group:
        for seed in range(5):
            group.create_task(add(seed))
    (anna,) = await store.read("staff")
    assert isinstance(anna, IdentityRecord) and len(anna.faces) == 5


async def test_whoever_follows_hears_of_people_enrolled_while_the_server_was_away(nats_server: NatsServer) -> None:
    told: list[list[IdentityEntry]] = []
    async with await connect(nats_server.address, "follower") as bus:
        store = IdentityStore(bus, SEALER)
        async with background(store.follow("staff", told.append)):
            await put(store, ANNA)
            await until(lambda: told and len(told[-1]) == 1, "Anna is told")
            await asyncio.to_thread(nats_server.kill)
            await asyncio.to_thread(nats_server.start)
            async with await connect(nats_server.address, "other") as other:
                await put(IdentityStore(other, SEALER), record("Ben", vector(3)))
            await until(lambda: len(told[-1]) == 2, "both are told")
