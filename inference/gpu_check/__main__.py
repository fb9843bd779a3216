"""`python -m inference.gpu_check`: status 0 if CUDA ran everything and agreed, 1 if not, 2 if there is no GPU."""

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.gpu_check import driver
from inference.gpu_check.measurement import MOST_ROWS, Measured, measure
from inference.gpu_check.report import write
from inference.repository.folder import Repository
from inference.runtime.gpu import gpu_at
from inference.runtime.rows import Row

ROOT = Path(__file__).resolve().parents[2]
DEVICES = ("cpu", "cuda-fp32", "cuda", "tensorrt-fp32", "tensorrt")
MODELS = ("coco-detector@1.0.0", "face-detector", "face-embedding")
_EVERY = 20
_PACKAGES = ("onnxruntime-gpu", "onnxruntime", "nvidia-cudnn-cu13", "nvidia-cuda-runtime", "tensorrt-cu13-libs")


def main() -> int:
    arguments = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    arguments.add_argument("--to", type=Path, default=Path("gpu-check"), metavar="FOLDER", help="where the report goes")
    arguments.add_argument("--devices", nargs="+", default=DEVICES, choices=DEVICES, help="the CPU is always run")
    arguments.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    arguments.add_argument("--rows", type=int, default=MOST_ROWS, choices=range(1, 257), metavar="N")
    options = arguments.parse_args()
    devices = [device for device in DEVICES if device == "cpu" or device in options.devices]
    if devices != ["cpu"] and (status := driver.main()):
        return status
    try:
        results = _measured(options.models, devices, options.rows)
        files = write(options.to, _machine(devices), results)
    except (InferenceError, OSError) as error:
        print(f"gpu-check: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(files[-1].read_text())  # noqa: T201
    print(f"Please send back {' and '.join(map(str, files))}.")  # noqa: T201
    return 0 if all(result.good for result in results if not _is_optional(result)) else 1


def _is_optional(result: Measured) -> bool:
    """TensorRT is asked for by few, and installed apart; where it runs it must agree."""
    return result.device.startswith("tensorrt") and bool(result.error)


def _measured(models: list[str], devices: list[str], rows: int) -> list[Measured]:
    repository, pictures = Repository(ROOT / "models"), _pictures()
    results = []
    for name in models:
        model, reference = repository.resolve(name), list[Row]()
        for device in devices:
            print(f"{name} on {device} …", file=sys.stderr)  # noqa: T201
            results.append(measure(model, device, pictures, reference, rows))
    return results


def _pictures() -> list[NDArray[np.uint8]]:
    with av.open(str(ROOT / "media/pedestrians.mp4")) as container:
        frames = islice(container.decode(video=0), 0, None, _EVERY)
        return [frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False) for frame in frames]


def _machine(devices: list[str]) -> dict[str, str]:
    said = {"system": platform.platform(), "Python": platform.python_version()}
    if devices != ["cpu"]:
        said["GPU"] = str(gpu_at(0))
    for package in _PACKAGES:
        try:
            said[package] = version(package)
        except PackageNotFoundError:
            continue
    return said


if __name__ == "__main__":
    sys.exit(main())
