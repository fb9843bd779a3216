"""The portraits of the tests, and pictures made of them."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.guard.decoding import decode
from inference.identities.face_reader import FaceReader
from inference.repository.folder import Repository
from tests.inference.worker import ROOT

FOLDER = ROOT / "tests" / "media" / "faces"
DETECTOR, EMBEDDING = "face-detector@^1", "face-embedding@^1"


@cache
def reader() -> FaceReader:
    repository = Repository(ROOT / "models")
    return FaceReader.load(repository.resolve(DETECTOR), [repository.resolve(EMBEDDING)])


def portrait(name: str) -> bytes:
    """obama, obama2 (the same person), biden, collins."""
    return (FOLDER / f"{name}.jpg").read_bytes()


def side_by_side(*names: str) -> bytes:
    """Several people in one picture."""
    pictures = [_pixels(name) for name in names]
    height = min(picture.shape[0] for picture in pictures)
    return _jpeg(np.hstack([picture[:height] for picture in pictures]))


def smaller(name: str, factor: float) -> bytes:
    return _jpeg(cv2.resize(_pixels(name), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def nobody() -> bytes:
    """A picture without a face."""
    return _jpeg(np.full((240, 320, 3), 90, np.uint8))


def _pixels(name: str) -> NDArray[np.uint8]:
    return decode(portrait(name))


def _jpeg(picture: NDArray[np.uint8] | cv2.typing.MatLike) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
