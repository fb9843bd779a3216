"""Alignment against OpenCV's own, which SFace was published with."""

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper

from inference.identities.alignment import SIDE, Unalignable, aligned, similarity

LANDMARKS = np.array([[210, 180], [305, 172], [262, 240], [221, 290], [301, 284]], np.float32)


@pytest.fixture(scope="module")
def opencv(tmp_path_factory: pytest.TempPathFactory) -> cv2.FaceRecognizerSF:
    """OpenCV's recogniser; its network is not used, so any will do."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["data"], ["fc1"])],
        "any",
        [value("data", onnx.TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [value("fc1", onnx.TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
    )
    path = tmp_path_factory.mktemp("opencv") / "any.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    return cv2.FaceRecognizerSF.create(str(path), "")


def noise(height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(3).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


@pytest.mark.parametrize("degrees", [0, 35, -120, 180])
@pytest.mark.parametrize("scale", [0.2, 1.0, 1.7])
def test_a_face_is_aligned_as_opencv_aligns_it(opencv: cv2.FaceRecognizerSF, degrees: int, scale: float) -> None:
    turn = cv2.getRotationMatrix2D((260, 230), degrees, scale)
    landmarks = (LANDMARKS @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    picture = noise()
    row = np.concatenate([[0, 0, 10, 10], landmarks.ravel(), [1.0]]).astype(np.float32)
    theirs = opencv.alignCrop(picture, row).astype(int)
    ours = aligned(picture, landmarks)
    assert ours.shape == (SIDE, SIDE, 3) and ours.dtype == np.uint8
    assert np.abs(ours - theirs).max() <= 2
    assert np.abs(ours - theirs).mean() < 0.05


@settings(max_examples=30)
@given(st.floats(-3, 3), st.floats(0.02, 20), st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_a_face_is_aligned_the_same_wherever_it_is_however_large_and_turned(
    angle: float, scale: float, x: float, y: float
) -> None:
    once = similarity(LANDMARKS)
    fitted = LANDMARKS @ once[:, :2].T + once[:, 2]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (LANDMARKS @ turn.T + [x, y]).astype(np.float32)
    again = similarity(moved)
    assert np.abs(moved @ again[:, :2].T + again[:, 2] - fitted).max() < 0.05


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -1e30])
def test_landmarks_of_no_face_are_refused(value: float) -> None:
    with pytest.raises(Unalignable):
        aligned(noise(), np.full((5, 2), value, np.float32))


def test_a_face_beyond_the_edge_is_black_there() -> None:
    picture = np.full((500, 500, 3), 255, np.uint8)
    face = aligned(picture, LANDMARKS - LANDMARKS[2])  # the nose at the corner of the picture
    assert face[:20, :20].max() == 0
    assert face[90:, 70:].min() == 255


def test_landmarks_are_five_points() -> None:
    with pytest.raises(ValueError, match="landmarks are"):
        aligned(noise(), np.zeros((4, 2), np.float32))
