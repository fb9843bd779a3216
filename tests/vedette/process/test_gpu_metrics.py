"""GPUs in the metrics, with an NVML that tells what it is made to: no machine of the tests has one."""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from vedette.process.gpu_metrics import GPU_METRICS, watch_gpus


class NvmlError(Exception):
    pass


class FakeNvml:
    """Two GPUs; the second has no video decoder."""

    NVMLError = NvmlError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, gpus: int = 2, driver: bool = True) -> None:
        self._gpus = gpus
        self._driver = driver

    def nvmlInit(self) -> None:  # noqa: N802 -- NVML's names
        if not self._driver:
            raise NvmlError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self._gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, gpu: int) -> bytes | str:  # noqa: N802
        return b"L4" if gpu else "A10"

    def nvmlDeviceGetUtilizationRates(self, gpu: int) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=87 - gpu, memory=3)

    def nvmlDeviceGetMemoryInfo(self, gpu: int) -> Any:  # noqa: N802
        return SimpleNamespace(used=5 << 30, total=24 << 30)

    def nvmlDeviceGetTemperature(self, gpu: int, sensor: int) -> int:  # noqa: N802
        return 61

    def nvmlDeviceGetPowerUsage(self, gpu: int) -> int:  # noqa: N802
        return 71_500

    def nvmlDeviceGetDecoderUtilization(self, gpu: int) -> list[int]:  # noqa: N802
        if gpu:
            raise NvmlError("Not Supported")
        return [42, 167_000]


def value(registry: CollectorRegistry, name: str, gpu: str = "0", product: str = "A10") -> float | None:
    return registry.get_sample_value(name, {"gpu": gpu, "product": product})


def test_what_a_gpu_tells_is_in_base_units() -> None:
    registry = CollectorRegistry()
    assert watch_gpus(registry, FakeNvml())
    assert value(registry, "gpu_utilization") == 0.87
    assert value(registry, "gpu_memory_used_bytes") == 5 << 30
    assert value(registry, "gpu_memory_total_bytes") == 24 << 30
    assert value(registry, "gpu_temperature_celsius") == 61
    assert value(registry, "gpu_power_watts") == 71.5
    assert value(registry, "gpu_decoder_utilization") == 0.42
    assert {family.name for family in registry.collect()} == {name for name, _ in GPU_METRICS}


def test_what_one_gpu_cannot_tell_is_left_out_and_the_rest_is_told() -> None:
    registry = CollectorRegistry()
    watch_gpus(registry, FakeNvml())
    assert value(registry, "gpu_utilization", "1", "L4") == 0.86
    assert value(registry, "gpu_decoder_utilization", "1", "L4") is None


@pytest.mark.parametrize("nvml", [FakeNvml(driver=False), FakeNvml(gpus=0)], ids=["no_driver", "no_gpu"])
def test_without_a_gpu_nothing_is_told(nvml: FakeNvml) -> None:
    registry = CollectorRegistry()
    watch_gpus(registry, nvml)
    assert b"gpu" not in generate_latest(registry)


def test_the_real_library_has_the_functions_that_are_called() -> None:
    pynvml = importlib.import_module("pynvml")
    names = {name for name in vars(FakeNvml) if name.startswith("nvml")}
    assert not {name for name in names if not hasattr(pynvml, name)}
    assert issubclass(pynvml.NVMLError, Exception)
    watch_gpus(CollectorRegistry())
