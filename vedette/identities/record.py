"""An enrolled person as it lies in the KV bucket `vedette-identities`: JSON, all that it says of the person sealed.

    {"version": 1, "sealed": "…"}

Opened it is `{"name": …, "faces": [{"model": …, "model_version": …, "digest": …, "enrolled_at": …, "vector": …}]}`: an
embedding for each picture, and nothing of the picture. A person's key is a keyed digest of gallery and name, so that
the bucket's keys name nobody, and the same name finds the same person again.
"""

import base64
import json
import unicodedata
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vedette.errors import VedetteError
from vedette.identities.person_name import folded
from vedette.secrets.sealing import Sealer, Unsealable

MOST_FACES = 32
"""Of one person."""
MOST_NAME_CHARACTERS = 100
MOST_DIMENSIONS = 4096
_VERSION = 1
_PERSON_DIGITS = 16


class WrongName(VedetteError):
    """A name that nobody can be enrolled under; the text says why."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What made a vector. Vectors of another digest can't be compared with it."""

    name: str
    version: str
    digest: str
    """`sha256:…` of the model's file."""


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """What is kept of one picture."""

    vector: NDArray[np.float32]
    """[d], of length 1."""
    model: EmbeddingModel
    enrolled_at: datetime


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """An enrolled person."""

    gallery: str
    person: str
    """The id; `person_of` says it for a name."""
    name: str
    """As it is displayed."""
    faces: tuple[EnrolledFace, ...]
    revision: int = 0
    """Of the key in the bucket."""


@dataclass(frozen=True, slots=True)
class UnreadableIdentity:
    """What lies under a person's key and is none, or is sealed with another key."""

    gallery: str
    person: str
    why: str
    """Names what is wrong, never a value."""
    revision: int = 0


IdentityEntry = IdentityRecord | UnreadableIdentity


def checked_name(name: str) -> str:
    """A display name, without space around it.

    Raises:
        WrongName: it is empty, too long, or has characters that can't be displayed.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not 0 < len(name) <= MOST_NAME_CHARACTERS:
        raise WrongName(f"a name has 1 to {MOST_NAME_CHARACTERS} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise WrongName("a name has no line breaks or control characters")
    return name


def person_of(gallery: str, name: str, sealer: Sealer) -> str:
    """The id of who is enrolled in `gallery` under `name`; small and capital letters are the same."""
    return persons_of(gallery, name, sealer)[0]


def persons_of(gallery: str, name: str, sealer: Sealer) -> list[str]:
    """That, and those with the keys of before, under which they may be enrolled still."""
    return [digest[:_PERSON_DIGITS] for digest in sealer.digests(f"{gallery}/{folded(name)}")]


def key_of(gallery: str, person: str) -> str:
    """In the bucket."""
    return f"{gallery}.{person}"


def encode(record: IdentityRecord, sealer: Sealer) -> bytes:
    """What is stored under the record's key."""
    faces = [
        {
            "model": face.model.name,
            "model_version": face.model.version,
            "digest": face.model.digest,
            "enrolled_at": face.enrolled_at.isoformat(),
            "vector": base64.b64encode(face.vector.astype("<f4").tobytes()).decode(),
        }
        for face in record.faces
    ]
    text = json.dumps({"name": record.name, "faces": faces})
    sealed = sealer.seal(text, key_of(record.gallery, record.person))
    return json.dumps({"version": _VERSION, "sealed": sealed}).encode()


def decode(value: bytes, key: str, revision: int, sealer: Sealer) -> IdentityEntry:
    """What `encode` made, or why it is none."""
    gallery, _, person = key.partition(".")
    try:
        whole = json.loads(value)
        if whole["version"] != _VERSION:
            return UnreadableIdentity(gallery, person, f"is of another version than {_VERSION}", revision)
        said = json.loads(sealer.unseal(whole["sealed"], key))
        faces = tuple(_face(face) for face in said["faces"][:MOST_FACES])
        return IdentityRecord(gallery, person, checked_name(said["name"]), faces, revision)
    except Unsealable as error:
        return UnreadableIdentity(gallery, person, str(error), revision)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WrongName):
        return UnreadableIdentity(gallery, person, "is no person's record", revision)


def _face(said: dict[str, str]) -> EnrolledFace:
    """Raises ValueError, KeyError, TypeError."""
    vector = np.frombuffer(base64.b64decode(said["vector"], validate=True), "<f4").astype(np.float32)
    if not 0 < len(vector) <= MOST_DIMENSIONS or not abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
        raise ValueError("no vector of length 1")
    model = EmbeddingModel(str(said["model"]), str(said["model_version"]), str(said["digest"]))
    return EnrolledFace(vector, model, datetime.fromisoformat(said["enrolled_at"]))
