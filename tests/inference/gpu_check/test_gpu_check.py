"""Without a GPU: what it says then, how it compares, what the report holds. The CPU is checked against itself."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.errors import DeviceUnavailable
from inference.gpu_check import __main__ as command
from inference.gpu_check import measurement
from inference.gpu_check.comparison import compare
from inference.gpu_check.measurement import Measured, measure
from inference.gpu_check.report import markdown, write
from inference.repository.folder import Repository
from inference.runtime.rows import Row
from inference.runtime.session import ModelSession, open_session
from tests.inference.nanodet_reference import ROOT, pedestrians

DETECTOR = Repository(ROOT / "models").resolve("coco-detector@1.0.0")
FACES = Repository(ROOT / "models").resolve("face-embedding")


def detections(*scores: float, shift: float = 0.0, label: int = 0) -> Row:
    """Boxes of 40 pixels beside each other."""
    boxes, strong = np.zeros((100, 4), np.float32), np.zeros(100, np.float32)
    for index, score in enumerate(scores):
        boxes[index] = [50 * index + shift, 0, 50 * index + 40 + shift, 40]
        strong[index] = score
    return boxes, strong, np.full(100, label, np.int64), np.array(len(scores))


def test_the_same_detections_agree_in_every_precision() -> None:
    agreement = compare("detection", [detections(0.9, 0.8)], [detections(0.9, 0.8)])
    assert (agreement.compared, agreement.matched, agreement.apart) == (2, 1.0, 0.0)
    assert all(agreement.is_good(precision) for precision in ("fp32", "tf32", "fp16"))


@pytest.mark.parametrize(
    "other",
    [
        detections(0.9),
        detections(0.9, 0.8, 0.7),
        detections(0.9, 0.8, shift=5),
        detections(0.9, 0.8, label=1),
        detections(0.9, 0.7),
    ],
    ids=["one missing", "one too many", "elsewhere", "of another kind", "less sure"],
)
def test_other_detections_do_not_agree(other: Row) -> None:
    assert not compare("detection", [detections(0.9, 0.8)], [other]).is_good("fp16")


def test_rounding_is_allowed_as_far_as_the_precision_goes() -> None:
    agreement = compare("detection", [detections(0.9, 0.8)], [detections(0.9, 0.81, shift=0.3)])
    assert not agreement.is_good("fp32")
    assert agreement.is_good("tf32")


@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0])
def test_tensors_are_compared_by_their_largest_value(value: float) -> None:
    reference: Row = (np.array([10, 0], np.float32),)
    assert compare("embedding", [reference], [(np.array([10, 0.005], np.float32),)]).is_good("fp32")
    assert not compare("embedding", [reference], [(np.array([10, value], np.float32),)]).is_good("fp16")


def test_outputs_of_another_shape_do_not_agree() -> None:
    agreement = compare("embedding", [(np.zeros(2, np.float32),)], [(np.zeros(3, np.float32),)])
    assert not agreement.is_good("fp16")


def test_nothing_to_compare_is_no_agreement() -> None:
    assert not compare("detection", [detections()], [detections()]).is_good("fp16")


@cache
def pictures() -> tuple[NDArray[np.uint8], ...]:
    return tuple(pedestrians()[:2])


def test_the_cpu_agrees_with_itself_and_is_measured_for_every_batch_size() -> None:
    for model in (DETECTOR, FACES):
        reference: list[Row] = []
        first = measure(model, "cpu", pictures(), reference, most_rows=2)
        second = measure(model, "cpu", pictures(), reference, most_rows=2)
        assert len(reference) == 2
        assert first.good
        assert second.good
        assert second.agreement is not None
        assert second.agreement.compared > 0
        assert list(second.milliseconds) == [1, 2]
        assert second.best_batch in (1, 2)


def test_bound_memory_is_measured_as_a_gpu_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The binding, of memory of the CPU, behind the name of a GPU."""

    def pretended(*_: object) -> ModelSession:
        session = ModelSession(DETECTOR, "cpu", open_session(DETECTOR, "cpu")._session, bound=True, padded=True)
        session.device = "cuda:0"
        return session

    reference: list[Row] = []
    measure(DETECTOR, "cpu", pictures(), reference, most_rows=1)
    monkeypatch.setattr(measurement, "open_session", pretended)
    measured = measure(DETECTOR, "cuda", pictures(), reference, most_rows=2)
    assert measured.good
    assert measured.precision == "tf32"


def test_a_device_that_is_not_there_is_told_and_not_measured(tmp_path: Path) -> None:
    measured = measure(DETECTOR, "cuda", pictures(), [])
    assert "built without CUDA" in measured.error
    assert not measured.good
    data, text = write(tmp_path / "new", {"GPU": "none"}, [measured])
    assert json.loads(data.read_text())["results"][0]["good"] is False
    assert (
        "| coco-detector 1.0.0 | cuda | tf32 | | | | | | not run: this ONNX Runtime is built without"
        in text.read_text()
    )


def test_the_report_names_the_best_batch() -> None:
    measured = Measured("m 1.0.0", "cuda", "tf32", milliseconds={1: 2.0, 2: 2.1, 4: 2.2, 8: 9.0})
    assert "| m 1.0.0 | cuda | 4 | 2.20 | 1818 | best |" in markdown({}, [measured])


def test_without_a_gpu_it_ends_at_once_with_status_2_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_gpu(index: int) -> None:
        raise DeviceUnavailable(f"cuda:{index}", "no NVIDIA driver: libcuda.so.1 is not there")

    monkeypatch.setattr("inference.gpu_check.driver.gpu_at", no_gpu)
    monkeypatch.setattr(sys, "argv", ["gpu-check", "--to", str(tmp_path / "report")])
    assert command.main() == 2
    assert "no NVIDIA driver: libcuda.so.1 is not there. It needs an NVIDIA GPU" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_the_driver_is_asked_without_any_package() -> None:
    """`make gpu-check` does so before it installs gigabytes."""
    code = (
        "import sys, inference.gpu_check.driver; sys.exit(any(name in sys.modules for name in ('numpy', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_model_that_is_not_there_is_said_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["gpu-check", "--devices", "cpu", "--models", "no-such", "--to", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert command.main() == 1
    assert "gpu-check: " in capsys.readouterr().err
