"""What a worker tells of a frame: nothing of fast ones, all of slow and failed ones, in one tree."""

from typing import Any

import pytest

from inference.dataplane import DataPlane
from tests.inference.cascade.access import JUDGED, LIVENESS, detecting, group, serving
from tests.inference.worker import Camera, lasting_frames, listen, working
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.messages import DetectionsEvent
from vedette.tracing.context import TraceContext
from vedette.tracing.sampling import TailSampling
from vedette.tracing.span import Span
from vedette.tracing.tracer import Tracer

NONE, ALL = TailSampling(1e9, 0.0), TailSampling(0.0, 0.0)
BEGUN = TraceContext(0xABC, 0xDEF, False)
TAKEN = {
    "frame": None,
    "publish": "frame",
    "wait for a worker": "publish",
    "inference": "publish",
}
MADE = dict.fromkeys(("decode", "scale and encode"), "frame")
INFERRED = (
    TAKEN | MADE | dict.fromkeys(("jpeg decode", "queue", "infer", "keep picture", "publish detections"), "inference")
)


def parents(spans: tuple[Span, ...]) -> dict[str, str | None]:
    """The name of each span's parent; all are of the one trace."""
    assert {span.trace_id for span in spans} == {BEGUN.trace_id}
    names = {span.span_id: span.name for span in spans}
    assert len(names) == len(spans)
    return {span.name: names[span.parent_id] if span.parent_id else None for span in spans}


def named(spans: tuple[Span, ...], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def took_ms(span: Span) -> float:
    return (span.end_ns - span.start_ns) / 1e6


async def test_a_fast_frame_leaves_no_spans_and_a_slow_one_all_of_them(
    bus: Bus, plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lasting_frames(bus, monkeypatch)
    notes, tracer, camera = await listen(bus), Tracer(NONE), Camera(bus)
    durations: dict[str, Any] = {"decode_ms": 3.0, "encode_ms": 2.0, "age_ms": 10.0, "traceparent": str(BEGUN)}
    async with working(bus, plane, tracer=tracer):
        await camera.frame(0, **durations)
        await notes.until_served(1)
        assert len(tracer) == 0
        tracer.sampling = ALL
        await camera.frame(1, **durations)
        await notes.until_served(2)
        await camera.frame(2)
        await notes.until_served(3)
    fast, slow, untraced = (DetectionsEvent.model_validate_json(message.data) for message in notes.messages)
    assert untraced.traceparent is None
    told = TraceContext.parse(fast.traceparent)
    assert told is not None
    assert (told.trace_id, told.sampled) == (BEGUN.trace_id, False)
    (spans,) = tracer.take(1000)
    assert parents(spans) == INFERRED
    publish = named(spans, "publish detections")
    assert slow.traceparent == str(TraceContext(BEGUN.trace_id, publish.span_id, True))
    assert named(spans, "publish").span_id == BEGUN.span_id
    root, timing = named(spans, "frame"), slow.data.timing
    assert timing is not None
    assert {
        "vedette.sampled": "slow",
        "vedette.outcome": "inferred",
        "vedette.seq": 1,
    }.items() <= root.attributes.items()
    assert all(root.start_ns <= span.start_ns <= span.end_ns <= root.end_ns for span in spans)
    expected = {
        "decode": 3.0,
        "scale and encode": 2.0,
        "publish": 5.0,
        "queue": timing.queue_ms,
        "infer": timing.infer_ms,
    }
    assert {name: took_ms(named(spans, name)) for name in expected} == pytest.approx(expected, abs=0.02)
    assert named(spans, "infer").attributes["vedette.batch_size"] == timing.batch_size
    assert root.error is None


@pytest.mark.parametrize("recording", [False, True])
async def test_a_frame_that_fails_is_always_traced(
    bus: Bus, plane: DataPlane, recording: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lasting_frames(bus, monkeypatch)
    notes, tracer, camera = await listen(bus), Tracer(NONE), Camera(bus)
    async with working(bus, plane, tracer=tracer):
        await (camera.clip if recording else camera.frame)(0, b"no picture", traceparent=str(BEGUN))
        await notes.until_served(1)
    (spans,) = tracer.take(1000)
    assert parents(spans) == TAKEN | ({"publish detections": "inference"} if recording else {})
    for name in ("frame", "inference"):
        assert "neither JPEG" in str(named(spans, name).error)
    assert named(spans, "frame").attributes["vedette.outcome"] == "undecodable"
    if recording:
        event = DetectionsEvent.model_validate_json(notes.messages[0].data)
        told = TraceContext(BEGUN.trace_id, named(spans, "publish detections").span_id, True)
        assert event.traceparent == str(told)


async def test_the_stages_of_a_cascade_have_spans_of_their_own(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    await lasting_frames(bus, monkeypatch)
    notes, tracer = await listen(bus), Tracer(ALL)
    async with serving(bus, LIVENESS), detecting(bus, JUDGED, tracer=tracer):
        await Camera(bus).frame(0, group("obama", "biden"), budget_ms=60_000.0, traceparent=str(BEGUN))
        await until(lambda: notes.served, "served")
    (spans,) = tracer.take(1000)
    names = parents(spans)
    assert (names["cascade"], names[f"stage {LIVENESS}"]) == ("inference", "cascade")
    cascade, stage = named(spans, "cascade"), named(spans, f"stage {LIVENESS}")
    assert stage.attributes == {"vedette.model": LIVENESS, "vedette.crops": 2, "vedette.answers": 2}
    assert cascade.start_ns <= stage.start_ns < stage.end_ns <= cascade.end_ns
