"""Opening a model on a device: loaded, proven by a run, and on a GPU only if it is really there that it runs."""

import contextlib
import ctypes
import importlib.util
import io
import logging
import os
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import DeviceUnavailable, ModelError
from inference.repository.folder import Model
from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.devices import Device, Options, Profile, engine_folder, providers
from inference.runtime.gpu import gpu_at
from inference.runtime.graph_face import FACES, check_face
from inference.runtime.model_session import ModelSession
from inference.runtime.placement import placement_of
from inference.runtime.rows import smallest_row

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["ModelSession", "open_session"]

log = logging.getLogger(__name__)

_INSTALL_GPU = "install vedette[gpu] in place of vedette[cpu], an NVIDIA driver, CUDA 13 and cuDNN 9"
_INSTALL_TENSORRT = f"{_INSTALL_GPU}, and TensorRT 10 for CUDA 13"


def open_session(model: Model, device: str = "auto", threads: int = 1) -> ModelSession:
    """Load a model and prove it by a run.

    `device` is as `Device` has it; for `auto`, which was taken is logged. `threads` are those of one run on the CPU.
    Raises ModelError for a file that is not the card's or a graph that does not fit it, DeviceUnavailable if the device
    asked for is not there or does not run the graph.
    """
    wanted = Device.parse(device)
    graph = model.read()
    if wanted.kind == "cpu":
        return _open_on_cpu(model, graph, threads)
    try:
        return _open_on_gpu(model, graph, threads, wanted)
    except DeviceUnavailable as error:
        if wanted.kind != "auto":
            raise DeviceUnavailable(device, error.reason) from error
        log.debug("%s %s: no CUDA: %s", model.card.name, model.version, error.reason)
        return _open_on_cpu(model, graph, threads)


def _open_on_cpu(model: Model, graph: bytes, threads: int) -> ModelSession:
    runtime = _runtime()
    try:
        session = _create(runtime, graph, threads, providers(Device("cpu")))
        check_face(model, session)
        return _proven(ModelSession(model, "cpu", session))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{model.path}: ONNX Runtime cannot run it: {error}") from error


def _open_on_gpu(model: Model, graph: bytes, threads: int, wanted: Device) -> ModelSession:
    """Every way in which a GPU fails ends in DeviceUnavailable.

    onnxruntime-gpu lists its providers as available without a driver, logs an error and runs on the CPU: the session's
    own providers tell the truth, a run whether the GPU knows the kernels, and the profile of that run who did the work.
    """
    device = Device("cuda", 0) if wanted.kind == "auto" else wanted
    install = _INSTALL_TENSORRT if device.kind == "tensorrt" else _INSTALL_GPU
    runtime = _runtime()
    if device.provider not in runtime.get_available_providers():
        name = device.provider.removesuffix("ExecutionProvider")
        raise DeviceUnavailable(str(device), f"this ONNX Runtime is built without {name}: {install}")
    _preload(runtime, device)
    try:
        session = _run_on_gpu(runtime, model, graph, threads, device)
    except (DeviceUnavailable, ModelError):
        raise
    except Exception as error:
        raise DeviceUnavailable(str(device), f"{error}: {install}") from error
    log.info("%s %s on %s: %s", model.card.name, model.version, device, session.placement)
    return session


def _run_on_gpu(runtime: Any, model: Model, graph: bytes, threads: int, device: Device) -> ModelSession:
    profile = _profile(model) if device.kind == "tensorrt" else None
    try:
        return _run_with(runtime, model, graph, threads, device, profile)
    except DeviceUnavailable:
        raise
    except Exception as error:
        if profile is None:
            raise
        log.warning("%s: TensorRT refuses the shapes it was told, and finds its own: %s", model.path, error)
        return _run_with(runtime, model, graph, threads, device, None)


def _run_with(
    runtime: Any, model: Model, graph: bytes, threads: int, device: Device, profile: Profile | None
) -> ModelSession:
    with tempfile.TemporaryDirectory(prefix="vedette-") as folder:
        session = _create(runtime, graph, threads, _providers(runtime, model, device, profile), Path(folder))
        if device.provider not in session.get_providers():
            name = device.provider.removesuffix("ExecutionProvider")
            raise DeviceUnavailable(str(device), f"ONNX Runtime could not start {name}: {_why(device)}")
        check_face(model, session)
        opened = _proven(ModelSession(model, str(device), session, bound=True, padded=True))
        opened.placement = placement_of(Path(session.end_profiling()))
    if not opened.placement.nodes.get(device.provider):
        raise DeviceUnavailable(str(device), f"it runs none of the graph ({opened.placement})")
    return opened


def _why(device: Device) -> str:
    """The driver's reason; where it has none, something beside it is missing."""
    try:
        found = gpu_at(device.index)
    except DeviceUnavailable as error:
        return f"{error.reason}; {_INSTALL_GPU}"
    return f"{found} is there; {_INSTALL_TENSORRT if device.kind == 'tensorrt' else _INSTALL_GPU}"


def _providers(runtime: Any, model: Model, device: Device, profile: Profile | None) -> list[tuple[str, Options]]:
    if device.kind != "tensorrt":
        return providers(device)
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedette/tensorrt"
    versions = [f"ort{runtime.__version__}", f"trt{_tensorrt_version()}"]
    shapes = "profile" if profile is not None else "found"
    folder = engine_folder(root, model.digest, gpu_at(device.index).kind, [*versions, shapes], device.precision)
    folder.mkdir(parents=True, exist_ok=True)
    return providers(device, folder, profile)


def _profile(model: Model) -> Profile | None:
    """Of pictures; what shapes other tensors will have nobody has said."""
    if model.card.task not in FACES:
        return None
    sizes = BatchPolicy(model.card.batch.max, 0).sizes
    return Profile.of_pictures("images", model.card.input_of(model.version), sizes)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceUnavailable("cpu", "no ONNX Runtime: install vedette[cpu] or vedette[gpu]") from error
    return onnxruntime


def _preload(runtime: Any, device: Device) -> None:
    """CUDA, cuDNN and TensorRT may be packages of this environment, which the loader doesn't look in."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        runtime.preload_dlls()
    if said.getvalue():
        log.debug("%s", said.getvalue().strip())
    spec = importlib.util.find_spec("tensorrt_libs") if device.kind == "tensorrt" else None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for library in ("libnvinfer.so.10", "libnvonnxparser.so.10"):
            with contextlib.suppress(OSError):  # the provider will say what it misses
                ctypes.CDLL(str(Path(folder) / library), mode=ctypes.RTLD_GLOBAL)


def _tensorrt_version() -> str:
    for package in ("tensorrt-cu13-libs", "tensorrt-cu13", "tensorrt"):
        with contextlib.suppress(PackageNotFoundError):
            return version(package)
    return "system"


def _create(
    runtime: Any, graph: bytes, threads: int, providers: list[tuple[str, Options]], profile: Path | None = None
) -> "InferenceSession":
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must not burn a core
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "run")
    return runtime.InferenceSession(graph, options, providers=providers, enable_fallback=False)


def _proven(session: ModelSession) -> ModelSession:
    """One run on the smallest row."""
    if not session.batched and session.model.card.batch.max > 1:
        raise ModelError(
            f"{session.model.path}: the graph has no batch axis of any length: in the card, batch.max must be 1"
        )
    row = smallest_row(session.inputs)
    if session.model.card.task in FACES:
        height, width = session.model.card.input_of(session.model.version).smallest
        row = (np.zeros((height, width, 3), np.uint8),)
    session.run([array[np.newaxis] if session.batched else array for array in row])
    return session
