"""A detector in ONNX Runtime: the one typed wrapper round a package that ships no types."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import BatchFailed, DeviceUnavailable, ModelError
from inference.repository.folder import Model

if TYPE_CHECKING:  # at run time it is imported when a session is opened: 0.14 s, and its absence has its own message
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
INPUTS = {"images": ("tensor(uint8)", 4)}
OUTPUTS = {
    "boxes": ("tensor(float)", 3),
    "scores": ("tensor(float)", 2),
    "labels": ("tensor(int64)", 2),
    "counts": ("tensor(int64)", 1),
}
_INSTALL_GPU = "install vedette[gpu] in place of vedette[cpu], an NVIDIA driver, CUDA 13 and cuDNN 9"


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """What was found in one image, by falling score; k is 0 to 100."""

    boxes: NDArray[np.float32]
    """[k, 4]: x1, y1, x2, y2 in input pixels, within the input."""
    scores: NDArray[np.float32]
    """[k], 0 to 1."""
    labels: NDArray[np.int64]
    """[k]: indices of the card's labels."""


class DetectorSession:
    """A loaded detector on one device. `run` may be called from any thread; one thread a session is the intent."""

    def __init__(self, model: Model, device: str, session: "InferenceSession") -> None:
        self.model = model
        self.device = device
        """Where it really runs: `cpu` or `cuda:<index>`."""
        self._session = session

    def run(self, images: NDArray[np.uint8]) -> list[Detected]:
        """Detect in a batch: uint8 [N, H, W, 3], colour and multiple of H and W as the card says; one result an image.

        Raises ValueError for another shape or type, BatchFailed if the runtime fails.
        """
        self._require_shape(images)
        try:
            outputs = self._session.run(list(OUTPUTS), {"images": images})
        except Exception as error:  # the runtime's own have no other common class
            raise BatchFailed(f"{self.model.card.name} on {self.device}, shape {images.shape}: {error}") from error
        return [
            Detected(boxes[:count], scores[:count], labels[:count])
            for boxes, scores, labels, count in zip(*outputs, strict=True)
        ]

    def warm_up(self, shapes: Iterable[tuple[int, int]], batches: Iterable[int]) -> None:
        """Run every shape (height, width) at every batch size once: the first run of a shape allocates and plans."""
        sizes = tuple(batches)
        for height, width in shapes:
            for size in sizes:
                self.run(np.zeros((size, height, width, 3), np.uint8))

    def _require_shape(self, images: NDArray[np.uint8]) -> None:
        multiple = self.model.card.input.multiple
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape:
            raise ValueError(f"expected uint8 [N, H, W, 3], got {images.dtype} {list(images.shape)}")
        if images.shape[1] % multiple or images.shape[2] % multiple:
            raise ValueError(f"height and width must be multiples of {multiple}, got {list(images.shape)}")


def open_session(model: Model, device: str = "auto", threads: int = 1) -> DetectorSession:
    """Load a model and prove it by a run.

    `device` is `cpu`, `cuda`, `cuda:<index>` or `auto`: CUDA if it really works, else the CPU, and which is logged.
    `threads` are those of one run on the CPU. Raises ModelError for a file that is not the card's or a graph that does
    not fit it, DeviceUnavailable if the device asked for is not there.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::([0-9]{1,3}))?", device)
    if match is None:
        raise DeviceUnavailable(device, "unknown; it is auto, cpu, cuda or cuda:<index>")
    graph = model.read()
    if device == "cpu":
        return _open_on_cpu(model, graph, threads)
    try:
        session = _open_on_cuda(model, graph, threads, int(match[1] or 0))
    except DeviceUnavailable as error:
        if device != "auto":
            raise DeviceUnavailable(device, error.reason) from error
        log.debug("%s %s: no CUDA: %s", model.card.name, model.version, error.reason)
        return _open_on_cpu(model, graph, threads)
    return session


def _open_on_cpu(model: Model, graph: bytes, threads: int) -> DetectorSession:
    runtime = _runtime()
    try:
        session = _create(runtime, graph, threads, [CPU])
        _check_graph(model, session)
        return _proven(DetectorSession(model, "cpu", session))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{model.path}: ONNX Runtime cannot run it: {error}") from error


def _open_on_cuda(model: Model, graph: bytes, threads: int, index: int) -> DetectorSession:
    """Every way in which CUDA fails ends in DeviceUnavailable.

    onnxruntime-gpu lists CUDA as available without a driver, logs an error and runs on the CPU: the session's own
    providers tell the truth, and a run whether the GPU knows the kernels.
    """
    name = f"cuda:{index}"
    runtime = _runtime()
    if CUDA not in runtime.get_available_providers():
        raise DeviceUnavailable(name, f"this ONNX Runtime is built without CUDA: {_INSTALL_GPU}")
    try:
        session = _create(runtime, graph, threads, [(CUDA, {"device_id": str(index)}), CPU])
        if CUDA not in session.get_providers():
            raise DeviceUnavailable(name, f"ONNX Runtime could not start CUDA: {_INSTALL_GPU}")
        _check_graph(model, session)
        return _proven(DetectorSession(model, name, session))
    except (DeviceUnavailable, ModelError):
        raise
    except Exception as error:
        raise DeviceUnavailable(name, f"{error}: {_INSTALL_GPU}") from error


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceUnavailable("cpu", "no ONNX Runtime: install vedette[cpu] or vedette[gpu]") from error
    return onnxruntime


def _create(runtime: Any, graph: bytes, threads: int, providers: list[Any]) -> "InferenceSession":
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must not burn a core
    return runtime.InferenceSession(graph, options, providers=providers, enable_fallback=False)


def _check_graph(model: Model, session: "InferenceSession") -> None:
    """Names, types and ranks are a detector's. Raises ModelError."""
    for kind, expected, values in (("input", INPUTS, session.get_inputs()), ("output", OUTPUTS, session.get_outputs())):
        found = {value.name: (value.type, len(value.shape)) for value in values}
        if found != expected:
            raise ModelError(f"{model.path}: a detector's {kind}s are {expected}, those of this graph {found}")


def _proven(session: DetectorSession) -> DetectorSession:
    """One run on the smallest image."""
    side = session.model.card.input.multiple
    session.run(np.zeros((1, side, side, 3), np.uint8))
    return session
