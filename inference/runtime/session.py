"""A model in ONNX Runtime: the one typed wrapper round a package that ships no types."""

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import BatchFailed, DeviceUnavailable, ModelError
from inference.repository.folder import Model
from inference.runtime.rows import Row, TensorSpec, smallest_row

if TYPE_CHECKING:  # at run time it is imported when a session is opened: 0.14 s, and its absence has its own message
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(object),
    **{f"tensor({kind}{bits})": np.dtype(f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
_FACES = {
    "detection": (
        {"images": ("tensor(uint8)", 4)},
        {
            "boxes": ("tensor(float)", 3),
            "scores": ("tensor(float)", 2),
            "labels": ("tensor(int64)", 2),
            "counts": ("tensor(int64)", 1),
        },
    ),
    "classification": ({"images": ("tensor(uint8)", 4)}, {"scores": ("tensor(float)", 2)}),
    "embedding": ({"images": ("tensor(uint8)", 4)}, {"embeddings": ("tensor(float)", 2)}),
}
"""By task: what the graph must take, and what it must give at least, with types and ranks."""
_INSTALL_GPU = "install vedette[gpu] in place of vedette[cpu], an NVIDIA driver, CUDA 13 and cuDNN 9"


class ModelSession:
    """A loaded model on one device. `run` may be called from any thread; one thread a session is the intent."""

    def __init__(self, model: Model, device: str, session: "InferenceSession") -> None:
        self.model = model
        self.device = device
        """Where it really runs: `cpu` or `cuda:<index>`."""
        self._session = session
        inputs, outputs = session.get_inputs(), session.get_outputs()
        self.batched = all(len(value.shape) > 0 and _any_length(value.shape[0]) for value in inputs)
        """Whether rows are stacked along a first axis of any length; else a run takes one row, as it is."""
        self.inputs = tuple(_spec(model, value, self.batched) for value in inputs)
        self.outputs = tuple(_spec(model, value, self.batched) for value in outputs)
        self._names = [spec.name for spec in self.outputs]

    def run(self, batch: Sequence[NDArray[Any]]) -> list[Row]:
        """Run a batch: an array [N, …] for each input (the row's own where the model is not `batched`); a row of
        outputs for each row.

        Raises ValueError for what the model does not take, BatchFailed if the runtime fails.
        """
        if len(batch) != len(self.inputs):
            raise ValueError(f"the model has {len(self.inputs)} inputs, not {len(batch)}")
        feeds = {spec.name: array for spec, array in zip(self.inputs, batch, strict=True)}
        try:
            outputs = self._session.run(self._names, feeds)
        except Exception as error:  # the runtime's own have no other common class
            what = f"{self.model.card.name} on {self.device}, shape {[array.shape for array in batch]}: {error}"
            if type(error).__name__ == "InvalidArgument":
                raise ValueError(what) from error
            raise BatchFailed(what) from error
        if not self.batched:
            return [tuple(outputs)]
        rows = len(batch[0])
        if any(len(array) != rows for array in outputs):
            raise BatchFailed(f"{self.model.card.name}: an output has not one entry for each of {rows} rows")
        return list(zip(*outputs, strict=True))


def open_session(model: Model, device: str = "auto", threads: int = 1) -> ModelSession:
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


def _open_on_cpu(model: Model, graph: bytes, threads: int) -> ModelSession:
    runtime = _runtime()
    try:
        session = _create(runtime, graph, threads, [CPU])
        _check_graph(model, session)
        return _proven(ModelSession(model, "cpu", session))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{model.path}: ONNX Runtime cannot run it: {error}") from error


def _open_on_cuda(model: Model, graph: bytes, threads: int, index: int) -> ModelSession:
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
        return _proven(ModelSession(model, name, session))
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
    """Names, types and ranks are those of the card's task. Raises ModelError."""
    task = model.card.task
    if task not in _FACES:
        return
    inputs, outputs = _FACES[task]
    has = {value.name: (value.type, len(value.shape)) for value in session.get_inputs()}
    if has != inputs:
        raise ModelError(f"{model.path}: inputs for {task} are {inputs}, those of this graph {has}")
    has = {value.name: (value.type, len(value.shape)) for value in session.get_outputs()}
    if not outputs.items() <= has.items():
        raise ModelError(f"{model.path}: outputs for {task} are {outputs}, those of this graph {has}")


def _spec(model: Model, value: Any, batched: bool) -> TensorSpec:
    if value.type not in _DTYPES:
        raise ModelError(f"{model.path}: {value.name} is a {value.type}, which no request can hold")
    shape = value.shape[1:] if batched else value.shape
    return TensorSpec(
        value.name, _DTYPES[value.type], tuple(None if _any_length(length) else length for length in shape)
    )


def _any_length(length: object) -> bool:
    return not isinstance(length, int) or length < 0


def _proven(session: ModelSession) -> ModelSession:
    """One run on the smallest row."""
    if not session.batched and session.model.card.batch.max > 1:
        raise ModelError(
            f"{session.model.path}: the graph has no batch axis of any length: in the card, batch.max must be 1"
        )
    row = smallest_row(session.inputs)
    if session.model.card.task in _FACES:
        height, width = session.model.card.input_of(session.model.version).smallest
        row = (np.zeros((height, width, 3), np.uint8),)
    session.run([array[np.newaxis] if session.batched else array for array in row])
    return session
