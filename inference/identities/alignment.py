"""Faces turned, scaled and moved so that their landmarks lie where networks of ArcFace's kind expect them.

The transform is the similarity (rotation, one scale, translation; no mirror) that brings the landmarks closest to the
reference points in the least-squares sense: S. Umeyama, "Least-squares estimation of transformation parameters between
two point patterns", IEEE TPAMI 13 (1991). For points of the plane its solution is one division of complex numbers.
OpenCV's `FaceRecognizerSF.alignCrop`, with which SFace was published, does the same.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError

SIDE = 112
"""Pixels of an aligned face."""

# Where the eyes, the nose and the corners of the mouth lie in it, left to right as in the picture (InsightFace,
# `arcface_src`, and OpenCV, `FaceRecognizerSFImpl::getSimilarityTransformMatrix`).
_REFERENCE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_LEAST_SPREAD_PX = 0.5
_MOST_PX = 1e6


class Unalignable(InferenceError):
    """The landmarks are those of no face: they lie in one point, or are no numbers."""


def aligned(picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The face in `picture` [height, width, 3] whose `landmarks` [5, 2] are given in its pixels: uint8 [112, 112, 3].

    Landmarks are in YuNet's order: the eyes, the nose and the corners of the mouth, of each pair first what is on the
    left of the picture. Channels stay in their order; what lies beyond the picture is black.

    Raises Unalignable.
    """
    found = similarity(landmarks)
    size = (SIDE, SIDE)
    face = cv2.warpAffine(picture, found, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return face.astype(np.uint8, copy=False)


def similarity(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """The matrix [2, 3] that takes pixels of the picture to pixels of the aligned face. Raises Unalignable."""
    if landmarks.shape != _REFERENCE.shape:
        raise ValueError(f"landmarks are [5, 2], not {list(landmarks.shape)}")
    if not np.isfinite(landmarks).all() or np.abs(landmarks).max() > _MOST_PX:
        raise Unalignable("the landmarks of the face are no places in a picture")
    points, reference = _complex(landmarks), _complex(_REFERENCE)
    middle, goal = points.mean(), reference.mean()
    spread = np.sum(np.abs(points - middle) ** 2)
    if spread < len(points) * _LEAST_SPREAD_PX**2:
        raise Unalignable("the landmarks of the face lie in one point")
    turn = np.sum((reference - goal) * (points - middle).conj()) / spread
    shift = goal - turn * middle
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _complex(points: NDArray[np.floating]) -> NDArray[np.complex128]:
    pairs = points.astype(np.float64)
    return pairs[:, 0] + 1j * pairs[:, 1]
