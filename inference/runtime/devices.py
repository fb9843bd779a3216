"""Devices by name, and what ONNX Runtime is told for each. Pure: no runtime is imported, no device is touched.

The options are those of the CUDA and the TensorRT execution provider of ONNX Runtime 1.31
(https://onnxruntime.ai/docs/execution-providers/). **No GPU has run them yet**: docs/gpu.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from inference.errors import DeviceUnavailable
from inference.repository.card import ImageInput

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
KNOWN = "auto, cpu, cuda or tensorrt, with -fp32 or without, cuda:<index>, tensorrt:<index>"
_NAME = re.compile(r"(?P<kind>auto|cpu|cuda|tensorrt)(?P<exact>-fp32)?(?::(?P<index>[0-9]{1,3}))?")
_WORKSPACE_BYTES = 1 << 30
_LEAST_SUBGRAPH = 24
"""Nodes. Non-maximum suppression is not TensorRT's, so that a detector falls apart into its network and the 20 nodes
behind it, whose inputs have lengths that no profile of ours can name: those are left to CUDA."""

Options = dict[str, str]


@dataclass(frozen=True, slots=True)
class Device:
    """`cpu`, `cuda`, `cuda:1`, `tensorrt:0`, `cuda-fp32`, …; `auto` is CUDA if it really works, else the CPU."""

    kind: Literal["auto", "cpu", "cuda", "tensorrt"]
    index: int = 0
    exact: bool = False
    """All arithmetic in float32, as on the CPU. Else CUDA may use TF32, and TensorRT float16."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises DeviceUnavailable for what is no device's name."""
        match = _NAME.fullmatch(text)
        on_gpu = match is not None and match["kind"] in ("cuda", "tensorrt")
        if match is None or (not on_gpu and (match["exact"] or match["index"])):
            raise DeviceUnavailable(text, f"unknown; it is {KNOWN}")
        return cls(match["kind"], int(match["index"] or 0), bool(match["exact"]))  # type: ignore[arg-type]

    @property
    def provider(self) -> str:
        """The execution provider that must be at work."""
        return {"cpu": CPU, "tensorrt": TENSORRT}.get(self.kind, CUDA)

    @property
    def precision(self) -> str:
        """Of the arithmetic, at the least."""
        return "fp32" if self.exact or self.kind == "cpu" else {"tensorrt": "fp16"}.get(self.kind, "tf32")

    def __str__(self) -> str:
        if self.kind in ("auto", "cpu"):
            return self.kind
        return f"{self.kind}{'-fp32' if self.exact else ''}:{self.index}"


@dataclass(frozen=True, slots=True)
class Profile:
    """The shapes that a TensorRT engine is built for: any between the least and the most, best at the usual."""

    least: Mapping[str, tuple[int, ...]]
    usual: Mapping[str, tuple[int, ...]]
    most: Mapping[str, tuple[int, ...]]

    @classmethod
    def of_pictures(cls, name: str, spec: ImageInput, sizes: Sequence[int]) -> Self:
        """For the batch sizes that are warmed, of 16:9 pictures above all where the size is free."""
        if spec.size is None:
            height, width = spec.smallest
            return cls(*({name: (rows, height, width, 3)} for rows in (sizes[0], sizes[-1], sizes[-1])))
        wide = -(-spec.size * 9 // 16 // spec.multiple) * spec.multiple
        return cls(
            {name: (sizes[0], *spec.smallest, 3)},
            {name: (sizes[-1], min(wide, spec.size), spec.size, 3)},
            {name: (sizes[-1], spec.size, spec.size, 3)},
        )


def cuda_options(device: Device) -> Options:
    """For `CUDAExecutionProvider`.

    Algorithms of convolutions by cuDNN's heuristics: the exhaustive search, which is the default, takes seconds for
    every shape. The arena grows by what is asked for, not to the next power of two: two sessions share a card. Each
    session has a stream of its own, which the runtime makes: two sessions are two streams, and copies of one go beside
    the arithmetic of the other.
    """
    return {
        "device_id": str(device.index),
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": "0" if device.exact else "1",
        "do_copy_in_default_stream": "1",
    }


def tensorrt_options(device: Device, engines: Path, profile: Profile | None) -> Options:
    """For `TensorrtExecutionProvider`; engines and timings are kept in `engines` and found there again.

    Without a profile the engine is built for the shapes that come, again for each that is outside those before.
    """
    options = {
        "device_id": str(device.index),
        "trt_fp16_enable": "0" if device.exact else "1",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines),
        "trt_max_workspace_size": str(_WORKSPACE_BYTES),
        "trt_min_subgraph_size": str(_LEAST_SUBGRAPH),
    }
    if profile is not None:
        options["trt_profile_min_shapes"] = _shapes(profile.least)
        options["trt_profile_opt_shapes"] = _shapes(profile.usual)
        options["trt_profile_max_shapes"] = _shapes(profile.most)
    return options


def providers(device: Device, engines: Path | None = None, profile: Profile | None = None) -> list[tuple[str, Options]]:
    """In order of preference: what TensorRT lacks CUDA runs, and what CUDA lacks the CPU. `engines` for TensorRT."""
    if device.kind == "cpu":
        return [(CPU, {})]
    chosen = [(CUDA, cuda_options(device)), (CPU, {})]
    if device.kind == "tensorrt":
        if engines is None:
            raise ValueError("TensorRT needs a folder for its engines")
        chosen.insert(0, (TENSORRT, tensorrt_options(device, engines, profile)))
    return chosen


def engine_folder(root: Path, digest: str, gpu: str, versions: Sequence[str], precision: str) -> Path:
    """Where the engines of one model for one kind of GPU are kept.

    An engine is good for the graph, the GPU and the very versions of ONNX Runtime and TensorRT it was built with.
    """
    graph = digest.removeprefix("sha256:")
    parts = [_plain(part) for part in (gpu, *versions, precision)]
    return root / graph / "_".join(parts)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "unknown"


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """As the provider wants them: `images:1x256x416x3,other:1x2`."""
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes.items())
