"""Spans to a collector: what is sent, and what a collector that is away, or refuses, costs."""

import json
import re
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from tests.vedette.tracing.collector import Collector, collecting
from tests.waiting import until
from vedette.commands.check import explanation
from vedette.config.config import Config
from vedette.config.tracing_settings import Tracing
from vedette.tracing.context import TraceContext
from vedette.tracing.sampling import TailSampling
from vedette.tracing.span import INFERENCE, Span
from vedette.tracing.tracer import MOST_WAITING, tracing

ROOT = Path(__file__).parents[3]
LONG_S = 60.0
"""Longer than any close may take, on any machine."""


@pytest.fixture
def collector() -> Any:
    with collecting() as one:
        yield one


def span(name: str = "infer", **changed: Any) -> Span:
    given: dict[str, Any] = {"trace_id": 7, "parent_id": 0, "start_ns": time_ns(), "end_ns": time_ns() + 1000}
    return Span(INFERENCE, name, **given | changed)


def to(collector: Collector, **more: Any) -> Tracing:
    return Tracing.model_validate({"endpoint": collector.url, **more})


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("vedette_traces_dropped_total", {"reason": reason}) or 0.0


async def test_a_span_arrives_as_it_was_recorded_with_the_headers_that_are_configured(collector: Collector) -> None:
    said = {"vedette.camera": "gate", "vedette.seq": 1 << 40, "share": 0.5, "yes": True, "half": "\ud800"}
    recorded = span(attributes=said, error="it failed", kind="consumer", parent_id=(1 << 64) - 1, trace_id=1 << 127)
    async with tracing(to(collector, headers={"authorization": "Bearer t0ken"}), INFERENCE, "plant-1") as tracer:
        assert tracer is not None
        tracer.record([recorded])
    (seen,) = collector.spans
    assert collector.paths == ["/v1/traces"]
    assert collector.headers[0]["authorization"] == "Bearer t0ken"
    assert collector.headers[0]["content-type"] == "application/x-protobuf"
    assert (seen.service, seen.site, seen.name, seen.kind) == (INFERENCE, "plant-1", "infer", 5)
    assert (int(seen.trace_id, 16), int(seen.parent, 16)) == (1 << 127, (1 << 64) - 1)
    assert (seen.start_ns, seen.end_ns) == (recorded.start_ns, recorded.end_ns)
    assert seen.attributes == {**said, "half": "?"}
    assert seen.error == "it failed"


async def test_spans_arrive_while_the_process_runs_and_a_backlog_at_once(collector: Collector) -> None:
    async with tracing(to(collector), INFERENCE, "plant-1") as tracer:
        assert tracer is not None
        for number in range(MOST_WAITING):
            tracer.record([span(trace_id=number + 1), span(trace_id=number + 1)])
        await until(lambda: len(collector.spans) == 2 * MOST_WAITING, "all are there")
    assert len(collector.spans) == 2 * MOST_WAITING


async def test_a_collector_that_is_away_costs_the_oldest_traces_and_no_time(collector: Collector) -> None:
    full, stopped = dropped("full"), dropped("stopped")
    collector.answer.clear()
    async with tracing(to(collector), INFERENCE, "plant-1") as tracer:
        assert tracer is not None
        tracer.record([span()])
        await until(lambda: collector.paths, "a request is under way")
        for _ in range(MOST_WAITING + 10):
            tracer.record([span()])
        assert len(tracer) == MOST_WAITING
        assert dropped("full") == full + 10
        began_s = monotonic()
    assert (
        monotonic() - began_s < LONG_S / 6
    )  # a second, and what a stalled machine adds; the request's time-out is 10 s
    assert dropped("stopped") == stopped + 1 + MOST_WAITING


async def test_what_a_collector_could_not_take_is_sent_again_and_what_it_refuses_is_not(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: 0.01)
    refused = dropped("refused")
    settings = to(collector, endpoint=collector.url.replace("//", "//user:s3cret@"), headers={"x-key": "t0ken"})
    async with tracing(settings, INFERENCE, "plant-1") as tracer:
        assert tracer is not None
        collector.status = 503
        tracer.record([span("again")])
        await until(lambda: len(collector.paths) >= 2, "it is tried again")
        collector.status = 200
        await until(lambda: collector.spans, "it is taken")
        collector.status = 401
        tracer.record([span("never")])
        await until(lambda: dropped("refused") == refused + 1, "it is dropped")
        collector.status = 200
        tracer.record([span("next")])
        await until(lambda: len(collector.spans) > 1, "the next is taken")
    assert [one.name for one in collector.spans] == ["again", "next"]
    assert "status 503" in caplog.text
    assert "s3cret" not in caplog.text
    assert "t0ken" not in caplog.text


def test_nothing_is_imported_where_no_traces_are_configured() -> None:
    """Who imports protobuf's messages is imported by name, when there is something to be sent."""
    files = [
        file for package in ("vedette", "gateway", "inference", "events") for file in (ROOT / package).rglob("*.py")
    ]
    importing = {
        name: {str(file.relative_to(ROOT)) for file in files if re.search(pattern, file.read_text())}
        for name, pattern in {
            "protobuf": r"(?m)^\s*(from|import) opentelemetry",
            "otlp": r"(?m)^\s*(from|import) vedette\.tracing(\.otlp| import .*otlp)",
            "exporter": r"(?m)^\s*(from|import) vedette\.tracing(\.exporter| import .*exporter)",
        }.items()
    }
    assert importing == {
        "protobuf": {"vedette/tracing/otlp.py"},
        "otlp": {"vedette/tracing/exporter.py"},
        "exporter": set(),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "00",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-01\n",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-01-x",
        "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
    ],
)
def test_what_is_no_traceparent_is_left_out(text: str | None) -> None:
    assert TraceContext.parse(text) is None


def test_a_traceparent_is_read_as_it_is_written() -> None:
    new = TraceContext.new()
    assert not new.sampled
    for context in (new, TraceContext(1, (1 << 64) - 1, True)):
        assert TraceContext.parse(str(context)) == context
    assert str(TraceContext(1, 2, True)) == "00-" + "0" * 31 + "1-" + "0" * 15 + "2-01"
    assert TraceContext.parse("00-" + "1" * 32 + "-" + "1" * 16 + "-02") == (
        int("1" * 32, 16),
        int("1" * 16, 16),
        False,
    )


def test_slow_frames_failed_ones_and_a_share_of_the_others_are_traced_alike_by_all_processes() -> None:
    policy = TailSampling(slower_than_ms=500, share=0.25)
    ids = [TraceContext.new().trace_id for _ in range(4000)]
    reasons = [policy.reason(one, 500, failed=False) for one in ids]
    assert 800 < reasons.count("share") < 1200
    assert reasons == [policy.reason(one, 0, failed=False) for one in ids]
    assert {policy.reason(one, 501, failed=False) for one in ids} == {"slow"}
    assert {policy.reason(one, 0, failed=True) for one in ids} == {"error"}
    assert {TailSampling(500, 0.0).reason(one, 0, failed=False) for one in ids} == {None}
    assert {TailSampling(500, 1.0).reason(one, 0, failed=False) for one in ids} == {"share"}


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://tempo.example/otlp", "https://tempo.example/otlp/v1/traces"),
        ("https://tempo.example/v1/traces", "https://tempo.example/v1/traces"),
    ],
)
def test_the_path_of_traces_is_added_to_the_endpoint(endpoint: str, url: str) -> None:
    assert Tracing.model_validate({"endpoint": endpoint}).traces_url.reveal() == url


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"endpoint": "grpc://collector:4317"}, "must be http"),
        ({"endpoint": "http://collector?key=s3cret"}, "no query"),
        ({"endpoint": "http://collector", "share": 1.5}, "less than or equal to 1"),
        ({"endpoint": "http://collector", "headers": {"x y": "s3cret"}}, "no name of a header"),
        ({"endpoint": "http://collector", "headers": {"Content-Type": "s3cret"}}, "is set by Vedette"),
        ({"endpoint": "http://collector", "headers": {"x": "s3cret\nx: y"}}, "one line of ASCII"),
    ],
)
def test_what_can_not_be_is_refused_without_a_secret_in_the_error(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        Tracing.model_validate(wrong)
    assert "s3cret" not in str([one["msg"] for one in caught.value.errors()])


def test_the_configuration_is_shown_without_its_secrets() -> None:
    tracing = {"endpoint": "https://u:s3cret@tempo.example", "headers": {"authorization": "Bearer t0ken"}}
    config = Config.model_validate({"site": "plant", "tracing": tracing})
    for shown in (json.dumps(config.model_dump(mode="json")), repr(config.tracing)):
        assert "s3cret" not in shown
        assert "t0ken" not in shown
        assert "tempo.example" in shown


def test_check_says_which_frames_are_traced_and_to_where() -> None:
    tracing = {"endpoint": "https://u:s3cret@tempo.example", "share": 0.025, "slower_than_ms": 250}
    said = explanation(Config.model_validate({"site": "plant", "tracing": tracing}))
    frames = "frames slower than 250 ms, failed ones and 2.5 % of the others"
    assert f"traces     {frames} → https://***@tempo.example/v1/traces\n" in said
    assert "traces" not in explanation(Config.model_validate({"site": "plant"}))
