"""NVIDIA's driver and runtime, asked directly: which GPU there is, and memory that it reads without a copy.

Through ctypes: what is needed is five functions of the CUDA driver API and two of the CUDA runtime API
(https://docs.nvidia.com/cuda/), and without a driver there is nothing to import.
"""

import ctypes
import logging
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inference.errors import DeviceUnavailable

log = logging.getLogger(__name__)

_DRIVER = "libcuda.so.1"
_RUNTIMES = ("libcudart.so.13", "libcudart.so.12")
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
_PORTABLE = 1  # cudaHostAllocPortable: pinned for all contexts


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as the driver names it."""

    name: str
    capability: str
    """Compute capability, as in 8.9."""
    cuda: str
    """The newest CUDA that the driver knows, as in 13.0."""

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.capability}, CUDA {self.cuda})"

    @property
    def kind(self) -> str:
        """What engines are good for."""
        return f"{self.name} sm{self.capability.replace('.', '')}"


def gpu_at(index: int, driver: Any = None) -> Gpu:
    """Raises DeviceUnavailable with the reason why there is none. `driver` is for tests: else the one that is there."""
    name = f"cuda:{index}"
    if driver is None:
        try:
            driver = ctypes.CDLL(_DRIVER)
        except OSError:
            raise DeviceUnavailable(name, f"no NVIDIA driver: {_DRIVER} is not there") from None
    if code := driver.cuInit(0):
        raise DeviceUnavailable(name, f"the NVIDIA driver does not start (CUDA error {code})")
    count, device, text = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    driver.cuDeviceGetCount(ctypes.byref(count))
    if index >= count.value:
        raise DeviceUnavailable(name, f"the driver knows {count.value} GPUs, counted from 0")
    driver.cuDeviceGet(ctypes.byref(device), index)
    driver.cuDeviceGetName(text, len(text), device)
    major, minor, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    driver.cuDriverGetVersion(ctypes.byref(version))
    cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return Gpu(text.value.decode(errors="replace"), f"{major.value}.{minor.value}", cuda)


def pinned(shape: tuple[int, ...], dtype: DTypeLike, runtime: Any = None) -> NDArray[Any]:
    """An array in page-locked memory, which the GPU reads by itself and the driver need not copy first.

    An ordinary one where there is none to be had. It is given back when the last array on it is gone.
    """
    size_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    runtime = runtime or _runtime()
    address = ctypes.c_void_p()
    if not size_bytes or np.dtype(dtype).hasobject or runtime is None:
        return np.empty(shape, dtype)
    if code := runtime.cudaHostAlloc(ctypes.byref(address), ctypes.c_size_t(size_bytes), _PORTABLE):
        log.warning("no page-locked memory (CUDA error %d): copies to the GPU take longer", code)
        return np.empty(shape, dtype)
    memory: Any = (ctypes.c_char * size_bytes).from_address(address.value or 0)
    weakref.finalize(memory, runtime.cudaFreeHost, ctypes.c_void_p(address.value))
    array: NDArray[Any] = np.frombuffer(memory, np.dtype(dtype)).reshape(shape)
    return array


def _runtime() -> Any:
    """The CUDA runtime, which ONNX Runtime has loaded already."""
    for name in _RUNTIMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
