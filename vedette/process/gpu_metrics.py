"""What NVIDIA's GPUs are doing, read when someone asks for the metrics; nothing where there is none.

Source: NVML through `pynvml` (the package nvidia-ml-py), which need not be installed.
https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

import importlib
import logging
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

_LABELS = ["gpu", "product"]
_Reading = Callable[[Any, Any], float]

_READINGS: tuple[tuple[str, str, _Reading], ...] = (
    (
        "gpu_utilization",
        "Share of the last moments in which a kernel ran, 0 to 1.",
        lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100,
    ),
    (
        "gpu_memory_used_bytes",
        "Memory in use, by all processes.",
        lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used,
    ),
    ("gpu_memory_total_bytes", "Memory there is.", lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).total),
    (
        "gpu_temperature_celsius",
        "Temperature of the chip.",
        lambda nvml, gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
    ),
    ("gpu_power_watts", "Power it draws.", lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000),
    (
        "gpu_decoder_utilization",
        "Share of the last moments in which the video decoder ran, 0 to 1.",
        lambda nvml, gpu: nvml.nvmlDeviceGetDecoderUtilization(gpu)[0] / 100,
    ),
)
GPU_METRICS = tuple((name, meaning) for name, meaning, _ in _READINGS)


class Gpus(Collector):
    """Of this machine, all of them. What a GPU can't tell (a laptop's power, a slice's decoder) is left out."""

    def __init__(self, nvml: Any) -> None:
        """`nvml`: the module `pynvml`, initialised."""
        self._nvml = nvml

    def collect(self) -> Iterator[GaugeMetricFamily]:
        nvml = self._nvml
        gpus = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        for name, meaning, read in _READINGS:
            family = GaugeMetricFamily(name, meaning, labels=_LABELS)
            for index, gpu in enumerate(gpus):
                try:
                    family.add_metric([str(index), _text(nvml.nvmlDeviceGetName(gpu))], read(nvml, gpu))
                except nvml.NVMLError as error:
                    logger.debug("gpu %d: %s: %s", index, name, error)
            if family.samples:
                yield family


def watch_gpus(registry: CollectorRegistry = REGISTRY, nvml: Any = None) -> bool:
    """Add them to the metrics. False: there is no GPU, no driver, or no `pynvml`; or they are there already."""
    nvml = nvml or _installed()
    if nvml is None:
        return False
    try:
        nvml.nvmlInit()
        registry.register(Gpus(nvml))
    except nvml.NVMLError as error:
        logger.debug("no figures of GPUs: %s", error)
        return False
    except ValueError:  # another process shell in this process has them
        return False
    return True


def _installed() -> ModuleType | None:
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None


def _text(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
