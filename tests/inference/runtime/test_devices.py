"""Devices by name, the options they get, who really ran the graph, and runs with bound memory: all without a GPU."""

import ctypes
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from inference.errors import BatchFailed, DeviceUnavailable
from inference.repository.card import ImageInput
from inference.repository.folder import Model, Repository
from inference.runtime import session as opening
from inference.runtime.bound_run import MAX_BINDINGS
from inference.runtime.devices import CPU, CUDA, TENSORRT, Device, Profile, engine_folder, providers
from inference.runtime.gpu import Gpu, gpu_at
from inference.runtime.model_session import ModelSession
from inference.runtime.pinned import pinned
from inference.runtime.placement import placement_of
from inference.runtime.session import open_session
from tests.inference.nanodet_reference import ROOT, letterboxed, pedestrians
from vedette.config.models_settings import Inference

MODEL = Repository(ROOT / "models").resolve("coco-detector@1.0.0")
NAMES = ["auto", "cpu", "cuda", "cuda:7", "tensorrt", "tensorrt:1", "cuda-fp32", "tensorrt-fp32:2"]


@pytest.mark.parametrize("name", NAMES)
def test_a_device_that_the_configuration_takes_is_one(name: str) -> None:
    device = Device.parse(Inference(device=name).device)
    assert Device.parse(str(device)) == device


@pytest.mark.parametrize("name", ["cpu-fp32", "auto:1", "cuda:-1", "cuda:1-fp32", "tensorrt:", "tensorRT", "cuda:1234"])
def test_a_device_that_is_none_is_refused_by_both(name: str) -> None:
    with pytest.raises(DeviceUnavailable, match="unknown; it is auto, cpu"):
        Device.parse(name)
    with pytest.raises(ValueError, match="device"):
        Inference(device=name)


def test_cuda_searches_by_heuristics_and_leaves_the_rest_to_the_cpu() -> None:
    (cuda, options), (cpu, nothing) = providers(Device.parse("cuda:3"))
    assert (cuda, cpu, nothing) == (CUDA, CPU, {})
    assert options["device_id"] == "3"
    assert options["cudnn_conv_algo_search"] == "HEURISTIC"
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    assert options["use_tf32"] == "1"


def test_exact_arithmetic_is_neither_tf32_nor_float16() -> None:
    assert dict(providers(Device.parse("cuda-fp32")))[CUDA]["use_tf32"] == "0"
    exact = dict(providers(Device.parse("tensorrt-fp32"), Path("/e")))
    assert exact[TENSORRT]["trt_fp16_enable"] == "0"
    assert exact[CUDA]["use_tf32"] == "0"
    assert dict(providers(Device.parse("tensorrt"), Path("/e")))[TENSORRT]["trt_fp16_enable"] == "1"


def test_tensorrt_keeps_engines_for_the_shapes_that_are_warmed() -> None:
    profile = Profile.of_pictures("images", MODEL.card.input_of("1.0.0"), [1, 2, 4, 8])
    chosen = providers(Device.parse("tensorrt:1"), Path("/cache/engines"), profile)
    assert [name for name, _ in chosen] == [TENSORRT, CUDA, CPU]
    options = chosen[0][1]
    assert options["device_id"] == "1"
    assert (options["trt_engine_cache_enable"], options["trt_engine_cache_path"]) == ("1", "/cache/engines")
    assert options["trt_profile_min_shapes"] == "images:1x32x32x3"
    assert options["trt_profile_opt_shapes"] == "images:8x256x416x3"
    assert options["trt_profile_max_shapes"] == "images:8x416x416x3"


def test_pictures_of_one_size_have_a_profile_of_one_size() -> None:
    spec = ImageInput(height=256, width=416, layout="NHWC", colour="BGR")
    profile = Profile.of_pictures("images", spec, [1, 8])
    assert profile.least == {"images": (1, 256, 416, 3)}
    assert profile.usual == profile.most == {"images": (8, 256, 416, 3)}


def test_an_engine_is_kept_apart_for_every_graph_gpu_version_and_precision() -> None:
    def folder(digest: str = "sha256:aa", gpu: str = "NVIDIA L4 sm89", ort: str = "1.31.1", kind: str = "fp16") -> Path:
        return engine_folder(Path("/c"), digest, gpu, [ort, "10.16"], kind)

    others = [folder("sha256:bb"), folder(gpu="NVIDIA A10 sm86"), folder(ort="1.32.0"), folder(kind="fp32")]
    assert len({folder(), *others}) == 5
    assert folder() == Path("/c/aa/NVIDIA-L4-sm89_1.31.1_10.16_fp16")
    assert folder(gpu="../../x").parent == Path("/c/aa")


# The driver


class Driver:
    """Stands in for libcuda.so.1, which is not here."""

    def __init__(self, count: int = 1, fails: int = 0) -> None:
        self._count, self._fails = count, fails

    def cuInit(self, _: int) -> int:  # noqa: N802 - the driver's names
        return self._fails

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self._count
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, text: Any, size: int, _: Any) -> int:  # noqa: N802
        text.value = b"NVIDIA L4"[:size]
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, _: Any) -> int:  # noqa: N802
        value._obj.value = {75: 8, 76: 9}[attribute]
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = 13010
        return 0


def test_the_driver_names_its_gpu() -> None:
    assert gpu_at(0, Driver()) == Gpu("NVIDIA L4", "8.9", "13.1")
    assert gpu_at(0, Driver()).kind == "NVIDIA L4 sm89"


@pytest.mark.parametrize(
    ("driver", "reason"), [(Driver(fails=100), "does not start"), (Driver(1), "knows 1 GPUs"), (None, "no NVIDIA dri")]
)
def test_a_gpu_that_is_not_there_has_a_reason(
    driver: Driver | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.runtime.gpu._DRIVER", "libcuda-not-here.so.1")
    with pytest.raises(DeviceUnavailable, match=f"device cuda:1: .*{reason}"):
        gpu_at(1, driver)


class Runtime:
    """Stands in for libcudart: memory of its own, and what was given back."""

    def __init__(self, code: int = 0) -> None:
        self._code = code
        self._memory: list[Any] = []
        self.sizes: list[int] = []
        self.freed: list[int] = []

    def cudaHostAlloc(self, address: Any, size: Any, _: int) -> int:  # noqa: N802
        if not self._code:
            self._memory.append(ctypes.create_string_buffer(size.value))
            self.sizes.append(size.value)
            address._obj.value = ctypes.addressof(self._memory[-1])
        return self._code

    def cudaFreeHost(self, address: Any) -> int:  # noqa: N802
        self.freed.append(address.value)
        return 0


def test_page_locked_memory_is_given_back_with_its_last_array_and_not_before() -> None:
    runtime = Runtime()
    array = pinned((4, 3, 2), np.float32, runtime)
    assert (array.shape, str(array.dtype), runtime.sizes) == ((4, 3, 2), "float32", [96])
    array[:] = 7
    part = array[1:2]
    del array
    assert runtime.freed == []
    assert (part == 7).all()
    address = part.ctypes.data - 24
    del part
    assert runtime.freed == [address]


def test_without_page_locked_memory_an_ordinary_array_will_do() -> None:
    array = pinned((2, 2), np.uint8, Runtime(code=2))
    array[:] = 1
    assert array.shape == (2, 2)


# Who ran the graph


def test_a_profile_tells_where_the_nodes_ran(tmp_path: Path) -> None:
    events = [
        {"cat": "Session", "dur": 9, "args": {}},
        *[{"cat": "Node", "dur": 10, "args": {"provider": CUDA}}] * 3,
        {"cat": "Node", "dur": 5, "args": {"provider": CPU}},
        {"cat": "Node", "dur": 5, "args": {}},
    ]
    (tmp_path / "p.json").write_text(json.dumps(events))
    placement = placement_of(tmp_path / "p.json")
    assert placement.nodes == {CUDA: 3, CPU: 1}
    assert placement.microseconds == {CUDA: 30, CPU: 5}
    assert placement.on_cpu == 0.25
    assert str(placement) == "nodes: 3 on CUDA, 1 on CPU; 25% on the CPU"


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime that says it has CUDA at work, but runs everything on the CPU, as one without kernels would."""
    create = opening._create

    def pretend(runtime: Any, graph: bytes, threads: int, _: Any, profile: Path | None = None) -> Any:
        session = create(runtime, graph, threads, [(CPU, {})], profile)
        monkeypatch.setattr(session, "get_providers", lambda: [TENSORRT, CUDA, CPU])
        return session

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(opening, "_create", pretend)
    monkeypatch.setattr("inference.runtime.model_session.BoundRun", lambda *_: None)


@pytest.mark.usefixtures("pretended")
def test_a_provider_that_is_there_and_runs_nothing_is_not_believed() -> None:
    with pytest.raises(DeviceUnavailable, match=r"it runs none of the graph \(nodes: \d+ on CPU; 100% on the CPU\)"):
        open_session(MODEL, "cuda")
    assert open_session(MODEL, "auto").device == "cpu"


def test_tensorrt_that_refuses_its_shapes_is_asked_once_more_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def refuse(_: Any, __: bytes, ___: int, chosen: list[tuple[str, dict[str, str]]], ____: Path) -> Any:
        asked.append(chosen[0][1])
        raise RuntimeError("User needs to provide all the dynamic shape inputs")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(opening, "gpu_at", lambda _: Gpu("NVIDIA L4", "8.9", "13.1"))
    monkeypatch.setattr(opening, "_create", refuse)
    with pytest.raises(DeviceUnavailable, match="device tensorrt: User needs"):
        open_session(MODEL, "tensorrt")
    told, found = asked
    assert "trt_profile_max_shapes" in told
    assert "trt_profile_max_shapes" not in found
    assert told["trt_engine_cache_path"] != found["trt_engine_cache_path"]
    assert Path(told["trt_engine_cache_path"]).is_dir()


# Bound memory, of the CPU


def bound(model: Model = MODEL) -> ModelSession:
    plain = open_session(model, "cpu")
    return ModelSession(model, "cpu", plain._session, bound=True)


def test_a_bound_run_gives_what_an_ordinary_one_does_whatever_ran_before() -> None:
    session, plain = bound(), open_session(MODEL, "cpu")
    images = np.stack([letterboxed(frame, 256) for frame in pedestrians()[:4]])
    kept = session.run([images[:1]])[0]
    for batch in (images, images[:1], images[2:], images[:, :192, :320], images[::-1]):
        for ours, theirs in zip(session.run([batch]), plain.run([batch]), strict=True):
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(kept[0], plain.run([images[:1]])[0][0])


def test_outputs_of_unknown_length_are_bound_too() -> None:
    model = Repository(ROOT / "models").resolve("face-embedding")
    session, plain = bound(model), open_session(model, "cpu")
    batch = [np.full((2, *[length or 1 for length in spec.shape]), 90, spec.dtype) for spec in plain.inputs]
    for ours, theirs in zip(session.run(batch), plain.run(batch), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_what_a_bound_graph_cannot_take_is_the_rows_fault_and_other_failures_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = bound()
    with pytest.raises(ValueError, match="coco-detector on cpu"):
        session.run([np.zeros((1, 33, 32, 4), np.uint8)])
    assert len(session.run([np.zeros((1, 32, 32, 3), np.uint8)])) == 1

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA failure 700: an illegal memory access")

    monkeypatch.setattr(session._session, "run_with_iobinding", fail)
    with pytest.raises(BatchFailed, match="illegal memory access"):
        session.run([np.zeros((1, 32, 32, 3), np.uint8)])


def test_shapes_that_are_kept_bound_are_bounded() -> None:
    model = Repository(ROOT / "models").resolve("coco-detector@1.0.0")
    session = bound(model)
    run: Callable[..., Any] = session.run
    for width in range(1, MAX_BINDINGS // 8 + 2):
        for rows in range(1, 9):
            session._bound._bound(((rows, 32, 32 * width, 3),))  # type: ignore[union-attr]
    assert len(session._bound._bindings) == MAX_BINDINGS  # type: ignore[union-attr]
    assert len(run([np.zeros((1, 32, 32, 3), np.uint8)])) == 1
