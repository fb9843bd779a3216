import hashlib
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from inference.detected import detected
from inference.errors import BatchFailed, DeviceUnavailable, ModelError
from inference.repository.folder import Model, Repository
from inference.runtime.session import ModelSession, open_session
from tests.inference.nanodet_reference import ROOT

MODEL = Repository(ROOT / "models").resolve("coco-detector")
HEADER = '<ir_version: 8, opset_import: ["": 15]>'


@cache
def detector() -> ModelSession:
    return open_session(MODEL, "cpu")


def model_of(graph: bytes, folder: Path) -> Model:
    path = folder / "model.onnx"
    path.write_bytes(graph)
    return Model(MODEL.card, "1.0.0", path, f"sha256:{hashlib.sha256(graph).hexdigest()}")


def small_detector(score_type: str = "float") -> bytes:
    """A graph with a detector's face that finds nothing; Gather fails on images higher than 64."""
    text = f"""{HEADER}
small (uint8[N, H, W, 3] images) =>
    (float[N, 100, 4] boxes, {score_type}[N, 100] scores, int64[N, 100] labels, int64[N] counts)
<int64[1] hundred = {{100}}, int64[1] four = {{4}}, float[1] limit = {{64}}>
{{
    batch = Shape <start = 0, end = 1> (images)
    height = Shape <start = 1, end = 2> (images)
    flat = Concat <axis = 0> (batch, hundred)
    deep = Concat <axis = 0> (batch, hundred, four)
    table = ConstantOfShape <value = int64[1] {{0}}> (hundred)
    found = Gather (table, height)
    plane = Expand (found, flat)
    labels = Identity (plane)
    scores = Cast <to = {1 if score_type == "float" else 11}> (plane)
    boxes = ConstantOfShape <value = float[1] {{0}}> (deep)
    counts = ConstantOfShape <value = int64[1] {{0}}> (batch)
}}"""
    data: bytes = onnx.parser.parse_model(text).SerializeToString()
    return data


def test_importing_the_module_does_not_import_the_runtime() -> None:
    code = "import sys, inference.runtime.session, inference.errors; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_every_image_gets_its_detections_cut_to_their_count() -> None:
    results = detector().run([np.zeros((3, 256, 416, 3), np.uint8)])
    assert len(results) == 3
    for row in results:
        boxes, scores, labels = detected(row)
        assert (boxes.shape, labels.shape) == ((len(scores), 4), (len(scores),))
        assert [boxes.dtype, scores.dtype, labels.dtype] == [np.float32, np.float32, np.int64]


def test_a_session_says_what_it_takes_and_gives() -> None:
    session = detector()
    assert session.batched
    assert [(spec.name, str(spec.dtype), str(spec)) for spec in session.inputs] == [
        ("images", "uint8", "[any, any, 3]")
    ]
    assert [spec.name for spec in session.outputs] == ["boxes", "scores", "labels", "counts"]


def test_what_the_graph_cannot_take_is_the_rows_fault_and_leaves_the_session_in_place(tmp_path: Path) -> None:
    session = open_session(model_of(small_detector(), tmp_path), "cpu")
    with pytest.raises(ValueError, match=r"coco-detector on cpu.*out of data bounds"):
        session.run([np.zeros((1, 128, 32, 3), np.uint8)])
    assert len(session.run([np.zeros((2, 64, 32, 3), np.uint8)])) == 2


def test_a_failure_of_the_runtime_is_told_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no more")

    session = open_session(model_of(small_detector(), tmp_path), "cpu")
    monkeypatch.setattr(session, "_session", SimpleNamespace(run=fail))
    with pytest.raises(BatchFailed, match=r"coco-detector on cpu.*no more"):
        session.run([np.zeros((1, 32, 32, 3), np.uint8)])


def test_a_file_with_another_digest_is_not_loaded() -> None:
    with pytest.raises(ModelError, match="its digest is"):
        open_session(replace(MODEL, digest=f"sha256:{'0' * 64}"), "cpu")


@pytest.mark.parametrize("graph", [b"", b"nonsense", b"\x08\x08", MODEL.path.read_bytes()[:100_000]])
def test_what_is_no_graph_is_refused(graph: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ONNX Runtime cannot run it"):
        open_session(model_of(graph, tmp_path), "cpu")


def test_a_graph_with_other_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"outputs for detection are .* graph .*tensor\(double\)"):
        open_session(model_of(small_detector("double"), tmp_path), "cpu")


def test_a_graph_with_other_inputs_is_refused(tmp_path: Path) -> None:
    raw = (ROOT / "models/build/weights/nanodet-g-416.onnx").read_bytes()
    with pytest.raises(ModelError, match=r"inputs for detection are .* graph .*input_1:0"):
        open_session(model_of(raw, tmp_path), "cpu")


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "cpu:0", "cuda:0\n"])
def test_an_unknown_device_lists_the_known_ones(device: str) -> None:
    with pytest.raises(DeviceUnavailable, match="auto, cpu, cuda or tensorrt"):
        open_session(MODEL, device)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_device_that_is_not_there_says_what_to_install(device: str) -> None:
    with pytest.raises(DeviceUnavailable, match=rf"device {device}: .*vedette\[gpu\].*CUDA 13 and cuDNN 9") as caught:
        open_session(MODEL, device)
    assert caught.value.device == device


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_cuda_that_is_listed_but_does_not_start_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu without a driver: the list has CUDA, the session falls back to the CPU without a word."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(DeviceUnavailable, match="could not start CUDA"):
        open_session(MODEL, "cuda")
    assert open_session(MODEL, "auto").device == "cpu"


def test_auto_is_the_cpu_where_there_is_nothing_else() -> None:
    assert open_session(MODEL).device == "cpu"


def test_without_a_runtime_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DeviceUnavailable, match=r"install vedette\[cpu\] or vedette\[gpu\]"):
        open_session(MODEL, "cpu")
