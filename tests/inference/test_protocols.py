"""What came how: batches and pictures are counted by protocol, each once."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from inference.bus_meter import BusMeter
from inference.errors import InferenceError, UndecodableImage
from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batching import BatcherFull, DeadlineExceeded, ModelFailed
from inference.runtime.loaded_model import BatchMeter
from tests.inference.runtime.held_model import Model, image, started


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "counted", "version": "1.0.0", **labels}) or 0.0


async def test_a_batch_is_observed_once_under_its_protocol_or_as_mixed() -> None:
    model = Model()
    model.gate.hold()
    meter = BatchMeter("counted", "1.0.0")
    async with started(model, observer=meter, policy=BatchPolicy(8, 0.0)) as batcher:
        first = asyncio.create_task(batcher.submit(image(1), protocol="grpc"))
        async with asyncio.timeout(30):
            while not model.started:
                await asyncio.sleep(0)
        others = [asyncio.create_task(batcher.submit(image(2), protocol=name)) for name in ("live", "http")]
        await asyncio.sleep(0)
        model.gate.let()
        await asyncio.gather(first, *others)
    counts = {
        name: value("model_inference_latency_seconds_count", protocol=name)
        for name in ("grpc", "live", "http", "mixed")
    }
    assert counts == {"grpc": 1.0, "live": 0.0, "http": 0.0, "mixed": 1.0}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UndecodableImage("no JPEG"), "invalid"),
        (DeadlineExceeded("late"), "late"),
        (BatcherFull("full"), "overloaded"),
        (ModelFailed("broken"), "failed"),
        (None, "ok"),
    ],
)
def test_what_comes_over_the_bus_is_a_request_with_an_ending(error: InferenceError | None, status: str) -> None:
    meter, labels = BusMeter("counted"), {"protocol": "clip"}
    before = value("vedette_inference_requests_total", status=status, **labels)
    took = value("vedette_inference_request_seconds_count", **labels)
    raised: Any = None
    try:
        with meter.counting("clip", "1.0.0"):
            if error is not None:
                raise error
    except InferenceError as caught:
        raised = caught
    assert raised is error
    assert value("vedette_inference_requests_total", status=status, **labels) == before + 1
    assert value("vedette_inference_request_seconds_count", **labels) == took + 1


def test_a_picture_that_the_guard_rejects_is_counted_as_that() -> None:
    before = value("vedette_inference_requests_total", protocol="live", status="rejected")
    with BusMeter("counted").counting("live", "1.0.0") as outcome:
        outcome.was_inferred = False
    assert value("vedette_inference_requests_total", protocol="live", status="rejected") == before + 1
