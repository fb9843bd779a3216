"""What tracing adds to a frame, part by part: CPU time of the calls alone, the least of many rounds."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from time import thread_time_ns, time, time_ns
from typing import Any

from events.stream.step_trace import begun
from gateway.fleet.feed_traces import FeedTraces
from inference.picture_model import Inference
from inference.stream.frame_traces import FrameTraces
from tests.inference.worker import HEADERS, MODEL
from vedette.subjects import Feed
from vedette.tracing.context import TraceContext
from vedette.tracing.otlp import Resources, encoded
from vedette.tracing.sampling import TailSampling
from vedette.tracing.tracer import Tracer

FEED = Feed("people", "plant-1", "gate")
INFERENCE = Inference(MODEL, (), 0.001, 0.001, 0.02, 4)
RESOURCES = Resources("vedette-inference", "plant-1", "host", "1")


class _Clock:
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)


def parts_us() -> dict[str, float]:
    """Microseconds a frame, of one that is traced and one that is not."""
    tracer, clock = Tracer(TailSampling(1e9, 0.0)), _Clock()
    feed, traces = FeedTraces(tracer, FEED), FrameTraces(tracer, clock)  # type: ignore[arg-type]
    headers = replace(HEADERS, traceparent=str(TraceContext.new()), decode_ms=3.0, encode_ms=1.0)

    def gateway() -> None:
        feed.begin(HEADERS)
        feed.forget(lambda seq: False)

    def worker() -> None:
        trace = traces.begin(FEED, headers, clock.now())
        assert trace is not None
        trace.answered(INFERENCE)
        trace.publishing()
        trace.published("inferred")

    def follower(sampled: bool) -> Callable[[], None]:
        traceparent = str(TraceContext(5, 6, sampled))

        def follow() -> None:
            trace = begun(tracer, traceparent, time(), time_ns())
            assert trace is not None
            str(trace.onward)
            trace.published(["object.update"])

        return follow

    figures = {"gateway": _least_us(gateway), "worker_untraced": _least_us(worker)}
    figures["events_untraced"] = _least_us(follower(sampled=False))
    tracer.sampling = TailSampling(0.0, 1.0)
    figures["worker_traced"], figures["events_traced"] = _least_us(worker), _least_us(follower(sampled=True))
    tracer.take(1 << 30)
    worker()
    follower(sampled=True)()
    spans = tracer.take(1 << 30)
    figures["encoding_traced"] = _least_us(lambda: encoded(spans * 20, RESOURCES), 20) / 20
    untraced = figures["gateway"] + figures["worker_untraced"] + figures["events_untraced"]
    traced = sum(figures[name] for name in ("gateway", "worker_traced", "events_traced", "encoding_traced"))
    figures |= {"frame_untraced": untraced, "frame_traced": traced}
    return {f"{name}_us": round(value, 1) for name, value in figures.items()}


def _least_us(call: Callable[[], Any], times: int = 1000, rounds: int = 20) -> float:
    took_ns = []
    for _ in range(rounds):
        began_ns = thread_time_ns()
        for _ in range(times):
            call()
        took_ns.append(thread_time_ns() - began_ns)
    return min(took_ns) / times / 1000
