"""Page-locked memory of this machine, which a GPU reads by itself: from the CUDA runtime, through ctypes."""

import ctypes
import logging
import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

log = logging.getLogger(__name__)

_RUNTIMES = ("libcudart.so.13", "libcudart.so.12")
_PORTABLE = 1  # cudaHostAllocPortable: pinned for all contexts


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
