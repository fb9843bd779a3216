"""The text of `/metrics` is the library's own, byte for byte."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from vedette.process.exposition import exposition


@given(st.lists(st.tuples(st.text(max_size=8), st.text('a"\\\n', max_size=6), st.floats(0, 1e20)), max_size=8))
def test_whatever_labels_and_values_say(series: list[tuple[str, str, float]]) -> None:
    registry = CollectorRegistry()
    counter = Counter("frames", 'Of a camera: "\\", \n and so on.', ["zone", "camera"], registry=registry)
    gauge = Gauge("age_seconds", "Now.", ["zone", "camera"], registry=registry)
    histogram = Histogram("took_seconds", "Time.", ["camera"], buckets=(0.001, 1, 1e7), registry=registry)
    for zone, camera, value in series:
        counter.labels(zone, camera).inc(value)
        gauge.labels(zone, camera).set(-value)
        histogram.labels(camera).observe(value)
    assert exposition(registry) == generate_latest(registry)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0.0, 1e6, 1234567.5, 1e22])
def test_values_that_are_written_in_their_own_way(value: float) -> None:
    registry = CollectorRegistry()
    Gauge("plain", "", registry=registry).set(value)
    assert exposition(registry) == generate_latest(registry)


def test_what_it_does_not_write_itself_is_left_to_the_library() -> None:
    registry = CollectorRegistry()
    Counter("traced", "With an exemplar.", registry=registry).inc(1, {"trace": "4bf9"})
    Info("build", "Of another type.", registry=registry).info({"version": "1"})
    assert exposition(registry) == generate_latest(registry)
