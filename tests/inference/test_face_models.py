"""The shipped face models, on real portraits and against OpenCV's own code for the same weights."""

import subprocess
import sys
from functools import cache
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from inference.preprocess import place, points_to_normalised, put, to_normalised
from inference.repository.card import ModelCard
from tests.inference.nanodet_reference import ROOT

PORTRAITS = ("obama", "obama2", "biden")
REFERENCE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)  # ArcFace, arXiv:1801.07698; https://github.com/deepinsight/insightface, utils/face_align.py
Image = NDArray[np.uint8]


@cache
def session(name: str) -> Any:
    return onnxruntime.InferenceSession(ROOT / f"models/{name}/1.0.0/model.onnx", providers=["CPUExecutionProvider"])


def portrait(name: str) -> Image:
    return np.asarray(cv2.imread(str(ROOT / f"tests/media/faces/{name}.jpg")), np.uint8)


def placed(name: str) -> tuple[Image, Any]:
    picture = portrait(name)
    spec = ModelCard.load(ROOT / "models/face-detector/model.yaml").input_of("1.0.0")
    placement = place(picture.shape[1], picture.shape[0], spec)
    slot = np.empty((placement.input_height, placement.input_width, 3), np.uint8)
    put(slot, picture, placement, spec.pad)
    return slot, placement


def found(images: Image) -> dict[str, NDArray[Any]]:
    detector = session("face-detector")
    names = [output.name for output in detector.get_outputs()]
    return dict(zip(names, detector.run(names, {"images": images}), strict=True))


@pytest.mark.parametrize("name", PORTRAITS)
def test_the_detector_gives_what_opencv_gives(name: str) -> None:
    image, _ = placed(name)
    weights = str(ROOT / "models/build/weights/yunet-640.onnx")
    detector = cv2.FaceDetectorYN.create(weights, "", (image.shape[1], image.shape[0]), 0.6, 0.3, 5000)
    ((x, y, width, height, *points, score),) = detector.detect(image)[1]
    given = found(image[None])
    assert given["counts"][0] == 1
    np.testing.assert_allclose(given["boxes"][0, 0], [x, y, x + width, y + height], atol=0.01)
    np.testing.assert_allclose(given["landmarks"][0, 0], points, atol=0.01)
    assert given["scores"][0, 0] == pytest.approx(score, abs=1e-4)


def aligned(name: str) -> Image:
    """The face as the embedding wants it, RGB."""
    image, placement = placed(name)
    landmarks = points_to_normalised(found(image[None])["landmarks"][0, :1], placement)[0].reshape(5, 2)
    picture = portrait(name)
    points = (landmarks * [picture.shape[1], picture.shape[0]]).astype(np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(points, REFERENCE_POINTS, method=cv2.LMEDS)
    return np.asarray(cv2.warpAffine(picture, matrix, (112, 112))[:, :, ::-1], np.uint8)


def test_two_portraits_of_one_person_are_more_alike_than_those_of_two() -> None:
    faces = np.stack([aligned(name) for name in PORTRAITS])
    (vectors,) = session("face-embedding").run(["embeddings"], {"images": faces})
    assert vectors.shape == (3, 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.6
    assert max(alike[0, 2], alike[1, 2]) < 0.363


def test_liveness_gives_a_share_for_each_label_and_calls_these_portraits_live() -> None:
    crops = []
    for name in PORTRAITS:
        image, placement = placed(name)
        ((x, y, width, height),) = to_normalised(found(image[None])["boxes"][0, :1], placement)
        picture = portrait(name)
        middle, size = np.array([x + width / 2, y + height / 2]), np.array([width, height]) * 2.7
        low, high = np.clip([middle - size / 2, middle + size / 2], 0, 1) * [picture.shape[1], picture.shape[0]]
        cut = picture[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
        crops.append(np.asarray(cv2.resize(cut, (128, 128)), np.uint8))
    (scores,) = session("face-liveness").run(["scores"], {"images": np.stack(crops)})
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)
    assert (scores.argmax(1) == 0).all()


def test_building_again_gives_the_committed_bytes() -> None:
    script = ROOT / "models/build/faces.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
