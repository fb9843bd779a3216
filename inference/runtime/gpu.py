"""NVIDIA's driver, asked directly which GPU there is: six functions of the CUDA driver API, through ctypes.

Needs nothing but Python, so that `make gpu-check` can ask before it installs gigabytes.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

from inference.errors import DeviceUnavailable

_DRIVER = "libcuda.so.1"
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute


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
