"""A picture of one person to the embeddings of their face, by the same steps as in a pipeline, on the CPU."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError, ModelError, UndecodableImage
from inference.guard.decoding import decode
from inference.identities.alignment import SIDE, aligned
from inference.picture_answer import Found, answer_of
from inference.preprocess import place, put
from inference.repository.model import Model
from inference.runtime.model_session import ModelSession
from inference.runtime.session import open_session
from vedette.identities.record import EmbeddingModel, EnrolledFace

LEAST_FACE_PX = 48
"""Of the shorter side of a face that is enrolled: a smaller one is mostly what enlarging made of it."""
_POINTS = 5


class UnfitPicture(InferenceError):
    """Nobody can be enrolled with this picture; the text says why."""


@dataclass(frozen=True, slots=True)
class ReadFace:
    """What a picture says of the one face in it."""

    faces: Sequence[EnrolledFace]
    """One of each embedding model."""
    width: int
    """Of the face's box, pixels of the picture."""
    height: int


class FaceReader:
    """A detector with landmarks, and the embedding models in service. Threads read one after the other: a picture may
    take 100 MB while it is decoded."""

    def __init__(self, detector: ModelSession, embeddings: Sequence[ModelSession]) -> None:
        """Raises ModelError: one is no such model."""
        _check_detector(detector.model)
        for embedding in embeddings:
            _check_embedding(embedding.model)
        self._detector = detector
        self._embeddings = embeddings
        self._turn = threading.Lock()

    @classmethod
    def load(cls, detector: Model, embeddings: Sequence[Model]) -> "FaceReader":
        """Loads the models: takes tenths of a second. Raises ModelError, DeviceUnavailable."""
        return cls(open_session(detector, "cpu"), [open_session(model, "cpu") for model in embeddings])

    @property
    def models(self) -> list[EmbeddingModel]:
        """Those that make vectors."""
        return [_described(session.model) for session in self._embeddings]

    def read(self, data: bytes) -> ReadFace:
        """The one face in a JPEG, PNG or WebP.

        Raises UnfitPicture: it can't be decoded, or there is not just one face, or it is too small; BatchFailed.
        """
        with self._turn:
            return self._read(data)

    def _read(self, data: bytes) -> ReadFace:
        colour = self._detector.model.card.input_of(self._detector.model.version).colour
        try:
            picture = decode(data, colour=colour)
        except UndecodableImage as error:
            raise UnfitPicture(f"can't be read: {error}") from None
        face = self._only(picture)
        height, width = picture.shape[:2]
        size = round(face.bbox[2] * width), round(face.bbox[3] * height)
        if min(size) < LEAST_FACE_PX:
            raise UnfitPicture(f"the face is {size[0]}x{size[1]} pixels; {LEAST_FACE_PX} are the least")
        crop = aligned(picture, (np.array(face.landmarks) * [width, height]).astype(np.float32))
        now = datetime.now(UTC)
        faces = [EnrolledFace(_vector(one, crop, colour), _described(one.model), now) for one in self._embeddings]
        return ReadFace(faces, *size)

    def _only(self, picture: NDArray[np.uint8]) -> Found:
        model = self._detector.model
        spec = model.card.input_of(model.version)
        placement = place(picture.shape[1], picture.shape[0], spec)
        slot = np.empty((1, placement.input_height, placement.input_width, 3), np.uint8)
        put(slot[0], picture, placement, spec.pad)
        (row,) = self._detector.run((slot,))
        found = answer_of(row, placement, model.card).detections
        if not found:
            raise UnfitPicture("there is no face in it")
        if len(found) > 1:
            raise UnfitPicture(f"there are {len(found)} faces in it: cut out the one that is meant")
        return found[0]


def _vector(session: ModelSession, crop: NDArray[np.uint8], colour: str) -> NDArray[np.float32]:
    wanted = session.model.card.input_of(session.model.version).colour
    picture = crop if wanted == colour else crop[:, :, ::-1]
    (row,) = session.run((np.ascontiguousarray(picture[np.newaxis]),))
    vector = np.asarray(row[0], np.float32)
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise UnfitPicture("the embedding model makes no vector of the face")
    return vector / np.float32(length)


def _described(model: Model) -> EmbeddingModel:
    return EmbeddingModel(model.card.name, model.version, model.digest)


def _check_detector(model: Model) -> None:
    if model.card.task != "detection" or len(model.card.landmarks) != _POINTS:
        raise ModelError(f"identities.detector: {model.card.name} is no detector of faces with {_POINTS} landmarks")


def _check_embedding(model: Model) -> None:
    fits = model.card.task == "embedding" and model.card.input_of(model.version).smallest == (SIDE, SIDE)
    if not fits:
        raise ModelError(f"identities.embedding: {model.card.name} makes no vectors of {SIDE}x{SIDE} pixels")
