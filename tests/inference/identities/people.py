"""Made-up people: vectors of length 1 that are as alike as a test wants them."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from vedette.identities.record import EmbeddingModel, EnrolledFace, IdentityRecord, person_of
from vedette.secrets.sealing import Sealer

SEALER = Sealer(bytes(range(32)), "identities.key_file")
MODEL = EmbeddingModel("face-embedding", "1.0.0", "sha256:" + "a" * 64)
OTHER = EmbeddingModel("face-embedding", "2.0.0", "sha256:" + "b" * 64)
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def vector(seed: int, dimensions: int = 128) -> NDArray[np.float32]:
    """One in any direction; two of different seeds are hardly alike."""
    drawn = np.random.default_rng(seed).normal(size=dimensions)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def like(one: NDArray[np.float32], similarity: float, seed: int = 999) -> NDArray[np.float32]:
    """A vector of length 1 with this cosine to `one`."""
    other = vector(seed, len(one)).astype(np.float64)
    other -= other.dot(one) * one
    other /= np.linalg.norm(other)
    mixed: NDArray[np.float32] = (similarity * one + np.sqrt(1 - similarity**2) * other).astype(np.float32)
    return mixed


def record(
    name: str, *vectors: NDArray[np.float32], gallery: str = "staff", model: EmbeddingModel = MODEL
) -> IdentityRecord:
    """A person with these vectors."""
    faces = tuple(EnrolledFace(one, model, AT) for one in vectors)
    return IdentityRecord(gallery, person_of(gallery, name, SEALER), name, faces)
