import hashlib
import importlib.util
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from inference.detected import detected
from inference.errors import ModelError
from inference.repository.folder import Repository
from inference.runtime.rows import Row
from inference.runtime.session import ModelSession, open_session
from tests.inference import nanodet_reference as reference
from tests.inference.nanodet_reference import ROOT, Box

SCRIPT = ROOT / "models/build/coco_detector.py"
MODEL = Repository(ROOT / "models").resolve("coco-detector@1.0.0")
assert MODEL.card.thresholds is not None
THRESHOLDS = MODEL.card.thresholds


@cache
def detector() -> ModelSession:
    return open_session(MODEL, "cpu")


def build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coco_detector", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def boxes_of(row: Row) -> list[Box]:
    rows = zip(*detected(row), strict=True)
    return [Box(corners, float(score), int(label)) for corners, score, label in rows]


def matched(boxes: list[Box], others: list[Box]) -> list[bool]:
    """For each box over 0.5, whether the others have it: same label, IoU 0.9, score within 0.001."""
    return [
        any(
            box.label == other.label
            and reference.overlap(box.corners, other.corners) >= 0.9
            and abs(box.score - other.score) < 1e-3
            for other in others
        )
        for box in boxes
        if box.score > 0.5
    ]


def test_building_again_gives_the_committed_bytes() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for version in MODEL.card.versions:
        path = ROOT / "models/coco-detector" / version / "model.onnx"
        assert hashlib.sha256(path.read_bytes()).hexdigest() in done.stdout


def test_other_thresholds_give_another_digest() -> None:
    script = build_script()
    looser = THRESHOLDS.model_copy(update={"score": 0.3})
    built = script.build(script.WEIGHTS.read_bytes(), MODEL.card.model_copy(update={"thresholds": looser}))
    assert f"sha256:{hashlib.sha256(built).hexdigest()}" != MODEL.digest


def test_weights_other_than_the_published_ones_are_refused() -> None:
    script = build_script()
    weights = bytearray(script.WEIGHTS.read_bytes())
    weights[-1] ^= 1
    with pytest.raises(ModelError, match=r"its sha256 is .*, the card of coco-detector wants"):
        script.build(bytes(weights), MODEL.card)


def test_a_card_with_other_than_80_labels_is_refused() -> None:
    script = build_script()
    with pytest.raises(ModelError, match="80 classes, the card names 79"):
        script.build(script.WEIGHTS.read_bytes(), MODEL.card.model_copy(update={"labels": MODEL.card.labels[:-1]}))


@pytest.mark.parametrize("height", [320, 256])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_graph_finds_what_the_published_decoding_finds(height: int, batch: int) -> None:
    images = np.stack([reference.letterboxed(frame, height) for frame in reference.pedestrians()])
    thresholds = THRESHOLDS
    there, back = [], []
    for start in range(0, len(images), batch):
        chunk = images[start : start + batch]
        for image, row in zip(chunk, detector().run([chunk]), strict=True):
            expected = reference.detect(image, thresholds.score, thresholds.iou)
            found = boxes_of(row)
            assert abs(len(found) - len(expected)) <= 1
            there += matched(found, expected)
            back += matched(expected, found)
    assert len(there) > 4 * len(images)
    assert np.mean(there) >= 0.99
    assert np.mean(back) >= 0.99


def test_a_batch_equals_its_images_one_by_one() -> None:
    images = np.stack([reference.letterboxed(frame, 320) for frame in reference.pedestrians()[:4]])
    images[2] = 0
    for image, row in zip(images, detector().run([images]), strict=True):
        batched, alone = detected(row), detected(detector().run([image[None]])[0])
        np.testing.assert_array_equal(batched.labels, alone.labels)
        np.testing.assert_allclose(batched.scores, alone.scores, atol=1e-5)
        np.testing.assert_allclose(batched.boxes, alone.boxes, atol=1e-2)


@pytest.mark.parametrize("shape", [(32, 32), (32, 416), (416, 32), (416, 416), (736, 1280)])
def test_boxes_lie_in_an_input_of_any_shape(shape: tuple[int, int]) -> None:
    picture = np.resize(reference.pedestrians()[0], (1, *shape, 3))
    boxes = detected(detector().run([picture])[0]).boxes
    assert (boxes >= 0).all()
    assert (boxes <= [shape[1], shape[0], shape[1], shape[0]]).all()
    assert (boxes[:, :2] <= boxes[:, 2:]).all()


def test_scores_fall_and_exceed_the_threshold_and_no_more_than_100_are_kept() -> None:
    frame = np.tile(reference.pedestrians()[0], (3, 3, 1))[: 1728 // 32 * 32, : 2304 // 32 * 32]
    _, scores, labels = detected(detector().run([np.ascontiguousarray(frame[None])])[0])
    assert len(scores) == 100
    assert (np.diff(scores) <= 0).all()
    assert (scores > THRESHOLDS.score).all()
    assert set(labels) <= set(range(len(MODEL.card.labels)))


def test_rows_past_the_count_are_zero() -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(MODEL.path, providers=["CPUExecutionProvider"])
    image: NDArray[np.uint8] = reference.letterboxed(reference.pedestrians()[0], 320)[None]
    boxes, scores, labels, counts = session.run(["boxes", "scores", "labels", "counts"], {"images": image})
    assert boxes.shape == (1, 100, 4)
    assert 0 < counts[0] < 100
    assert not boxes[0, counts[0] :].any()
    assert not scores[0, counts[0] :].any()
    assert not labels[0, counts[0] :].any()


# The versions in eight bits


def test_nobody_gets_a_less_exact_version_without_naming_it() -> None:
    repository = Repository(ROOT / "models")
    for name in ("coco-detector", "coco-detector@^1", "coco-detector@1"):
        assert repository.resolve(name).version == "1.0.0"
    assert repository.resolve("coco-detector@^0.8").version == "0.8.0"


@pytest.mark.parametrize("version", ["0.8.0", "0.9.0"])
def test_eight_bits_find_what_floats_find(version: str) -> None:
    session = open_session(Repository(ROOT / "models").resolve(f"coco-detector@{version}"), "cpu")
    images = np.stack([reference.letterboxed(frame, 256) for frame in reference.pedestrians()])
    there: list[float] = []
    back: list[float] = []
    for image in images:
        floats, eight = boxes_of(detector().run([image[None]])[0]), boxes_of(session.run([image[None]])[0])
        there += overlaps(floats, eight)
        back += overlaps(eight, floats)
    assert len(there) > 3 * len(images)
    for found in (there, back):
        assert np.mean(np.array(found) >= 0.5) >= 0.98
        assert np.mean(np.array(found) >= 0.9) >= 0.9


def overlaps(boxes: list[Box], others: list[Box]) -> list[float]:
    """For each box over 0.5 the overlap with the best of the others that has its label."""
    return [
        max((reference.overlap(box.corners, o.corners) for o in others if o.label == box.label), default=0.0)
        for box in boxes
        if box.score > 0.5
    ]


def test_most_of_the_network_runs_in_eight_bits(tmp_path: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    path = ROOT / "models/coco-detector/0.8.0/model.onnx"
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    operators = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    assert operators["QLinearConv"] == 31
    assert operators["Conv"] + operators["FusedConv"] == 3


def test_a_build_for_one_size_takes_no_other() -> None:
    session = open_session(Repository(ROOT / "models").resolve("coco-detector@0.9.0"), "cpu")
    assert [str(spec) for spec in session.inputs] == ["[256, 416, 3]"]
    assert len(session.run([np.zeros((2, 256, 416, 3), np.uint8)])) == 2
