"""People put into a gallery, and taken out of it with their snapshots."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inference.errors import InferenceError
from inference.identities.face_reader import FaceReader, ReadFace, UnfitPicture
from inference.identities.gallery import MOST_PEOPLE, People
from vedette.identities.record import MOST_FACES, EnrolledFace, IdentityRecord, checked_name
from vedette.identities.store import IdentityStore, UnknownPerson
from vedette.snapshots.store import SnapshotStore

_SAME_PICTURE = 0.9999


class NotEnrolled(InferenceError):
    """Nobody was enrolled; the text says why, and names the picture where one is at fault."""


class Picture(NamedTuple):
    """One picture of an enrolment."""

    name: str
    """The file's, for what is said of it."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment has done."""

    record: IdentityRecord
    added: int
    """Pictures of which something is kept now."""
    warnings: Sequence[str]
    """What somebody should look at: it may be the wrong person, or the wrong picture."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal has done."""

    name: str | None
    """None: the record could not be read."""
    was_enrolled: bool
    snapshots: int
    """Pictures deleted."""


async def enrol(
    store: IdentityStore,
    reader: FaceReader,
    gallery: str,
    name: str,
    pictures: Sequence[Picture],
    threshold: float,
    replace: bool = False,
) -> Enrolled:
    """Enrol `name` with all of `pictures`, or not at all; who is enrolled already gets them besides what is kept, or in
    its place (`replace`). The pictures are let go of.

    Raises:
        NotEnrolled: a picture is unfit, or there would be too many of them or of people.
        WrongName, BusUnavailable, Conflict.
    """
    name = checked_name(name)
    read = [await asyncio.to_thread(_read, reader, picture) for picture in pictures]
    entries = await store.read(gallery)
    person = store.person_of(gallery, name)
    if len(entries) >= MOST_PEOPLE and all(entry.person != person for entry in entries):
        raise NotEnrolled(f"the gallery {gallery} has {len(entries)} people, and takes no more")
    others = People([entry for entry in entries if entry.person != person])
    fresh = _Fresh((), 0, ())

    def changed(had: IdentityRecord | None) -> IdentityRecord:
        nonlocal fresh
        kept = had.faces if had is not None and not replace else ()
        fresh = _fresh(kept, pictures, read, threshold)
        faces = (*kept, *fresh.faces)
        if len(faces) > MOST_FACES:
            raise NotEnrolled(f"{name} would have {len(faces)} vectors; {MOST_FACES} are the most")
        return IdentityRecord(gallery, person, had.name if had is not None else name, faces)

    record = await store.edit(gallery, name, changed)
    return Enrolled(record, fresh.pictures, [*_alike(others, pictures, read, threshold), *fresh.warnings])


async def remove(store: IdentityStore, snapshots: SnapshotStore, gallery: str, person: str) -> Removed:
    """Take who has this name or id out of the gallery, and delete all snapshots in which they were named, by whichever
    gallery. Broken off, it is repeated. Snapshots of who is not enrolled are found by the name as it was displayed.

    Raises:
        UnknownPerson: nobody is enrolled so, and there is no snapshot either.
        BusUnavailable, Conflict.
    """
    try:
        entry = await store.find(gallery, person)
    except UnknownPerson:
        deleted = await snapshots.delete_person(person)
        if not deleted:
            raise
        return Removed(person, False, deleted)
    if not isinstance(entry, IdentityRecord):
        await store.remove(entry)
        return Removed(None, True, 0)
    # The record last: broken off, it still says how the name is written in the snapshots. Then what came meanwhile.
    deleted = await snapshots.delete_person(entry.name)
    await store.remove(entry)
    return Removed(entry.name, True, deleted + await snapshots.delete_person(entry.name))


def _read(reader: FaceReader, picture: Picture) -> ReadFace:
    """Raises NotEnrolled."""
    try:
        return reader.read(picture.data)
    except UnfitPicture as error:
        raise NotEnrolled(f"{picture.name}: {error}") from None
    except InferenceError as error:
        raise NotEnrolled(f"{picture.name}: the face could not be read: {error}") from error


class _Fresh(NamedTuple):
    """What is new."""

    faces: Sequence[EnrolledFace]
    pictures: int
    """That these are of."""
    warnings: Sequence[str]


def _fresh(
    kept: Sequence[EnrolledFace], pictures: Sequence[Picture], read: Sequence[ReadFace], threshold: float
) -> _Fresh:
    """Of the faces that were read those that are not kept already, and what is strange about them."""
    faces: list[EnrolledFace] = []
    added, warnings = 0, []
    for picture, one in zip(pictures, read, strict=True):
        likeness = [_likeness(face, (*kept, *faces)) for face in one.faces]
        new = [face for face, alike in zip(one.faces, likeness, strict=True) if alike is None or alike < _SAME_PICTURE]
        best = max((alike for alike in likeness if alike is not None), default=None)
        if not new:
            warnings.append(f"{picture.name}: was enrolled already")
        elif best is not None and best < threshold:
            warnings.append(f"{picture.name}: is unlike the person's other pictures (similarity {best:.2f})")
        faces += new
        added += bool(new)
    return _Fresh(faces, added, warnings)


def _likeness(face: EnrolledFace, others: Sequence[EnrolledFace]) -> float | None:
    """With the most alike of those that the same model made; None: there is none."""
    comparable = [other.vector for other in others if other.model.digest == face.model.digest]
    return float(np.max(np.stack(comparable) @ face.vector)) if comparable else None


def _alike(others: People, pictures: Sequence[Picture], read: Sequence[ReadFace], threshold: float) -> list[str]:
    """Who else in the gallery would be taken for the person."""
    warnings = []
    for picture, one in zip(pictures, read, strict=True):
        near = [match for face in one.faces for match in others.nearest(face.vector[None], face.model.digest) if match]
        best = max(near, key=lambda match: match.similarity, default=None)
        if best is not None and best.similarity >= threshold:
            warnings.append(
                f"{picture.name}: resembles {best.name} of the same gallery (similarity {best.similarity:.2f})"
            )
    return warnings
