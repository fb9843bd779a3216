"""People as API and command line print them: never a vector, unless it is asked for."""

import base64
from collections.abc import Sequence
from typing import Any

from inference.identities.enrolment import Enrolled, Removed
from vedette.identities.record import EnrolledFace, IdentityEntry, IdentityRecord
from vedette.messages import rfc3339


def entry_as_json(entry: IdentityEntry, embeddings: bool = False) -> dict[str, Any]:
    """A person."""
    data: dict[str, Any] = {"gallery": entry.gallery, "person": entry.person, "revision": entry.revision}
    if isinstance(entry, IdentityRecord):
        return {**data, "name": entry.name, "faces": [_face(face, embeddings) for face in entry.faces]}
    return {**data, "refused": entry.why}


def enrolled_as_json(done: Enrolled) -> dict[str, Any]:
    """What an enrolment has done."""
    return {**entry_as_json(done.record), "added": done.added, "warnings": list(done.warnings)}


def removed_as_json(done: Removed) -> dict[str, Any]:
    """What a removal has done."""
    return {"name": done.name, "was_enrolled": done.was_enrolled, "snapshots_deleted": done.snapshots}


def models_of(faces: Sequence[EnrolledFace]) -> list[str]:
    """`face-embedding 1.0.0`, each once."""
    return sorted({f"{face.model.name} {face.model.version}" for face in faces})


def _face(face: EnrolledFace, embeddings: bool) -> dict[str, Any]:
    model = {"name": face.model.name, "version": face.model.version, "digest": face.model.digest}
    data: dict[str, Any] = {"enrolled_at": rfc3339(face.enrolled_at), "model": model}
    if embeddings:
        data["embedding"] = {
            "dtype": "float32, little-endian, base64",
            "dimensions": len(face.vector),
            "data": base64.b64encode(face.vector.astype("<f4").tobytes()).decode(),
        }
    return data
