"""Spans, and those of a gateway as a frame's headers tell them afterwards. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vedette.frames import FrameHeaders
from vedette.subjects import Feed
from vedette.tracing.context import TraceContext, new_span_id

Kind = Literal["internal", "client", "producer", "consumer"]
Attributes = Mapping[str, str | bool | int | float]

GATEWAY = "vedette-gateway"
INFERENCE = "vedette-inference"
EVENTS = "vedette-events"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work that is over. Times are Unix nanoseconds."""

    service: str
    name: str
    trace_id: int
    parent_id: int
    """0: it is the root."""
    start_ns: int
    end_ns: int
    span_id: int = field(default_factory=new_span_id)
    kind: Kind = "internal"
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None


def frame_attributes(feed: Feed, headers: FrameHeaders) -> dict[str, str | bool | int | float]:
    """Which frame it is."""
    return {
        "vedette.camera": feed.camera,
        "vedette.pipeline": feed.pipeline,
        "vedette.epoch": headers.epoch,
        "vedette.seq": headers.seq,
        "vedette.gate": headers.gate,
    }


def gateway_spans(
    context: TraceContext,
    headers: FrameHeaders,
    published_ns: int,
    end_ns: int,
    attributes: Attributes,
    error: str | None = None,
) -> list[Span]:
    """The root of a frame's trace, and what its gateway did: decode, scale and encode, publish.

    `published_ns` is when the frame was stored, `end_ns` when its result was, or it was given up. How long each took is
    measured. Where they lie is not told: decoding is put at the packet's arrival, encoding after it, and all waiting
    counts as publishing. An onset frame was decoded before its age begins to count: its trace begins earlier then.
    """
    decode_ns, encode_ns = (round((took_ms or 0.0) * 1e6) for took_ms in (headers.decode_ms, headers.encode_ms))
    start_ns = published_ns - max(round(headers.age_ms * 1e6), decode_ns + encode_ns)
    decoded_ns, encoded_ns = start_ns + decode_ns, start_ns + decode_ns + encode_ns
    end_ns = max(end_ns, published_ns)
    trace_id = context.trace_id
    root = Span(GATEWAY, "frame", trace_id, 0, start_ns, end_ns, attributes=attributes, error=error)
    spans = [root]
    if headers.decode_ms is not None:
        spans.append(Span(GATEWAY, "decode", trace_id, root.span_id, start_ns, decoded_ns))
    if headers.encode_ms is not None:
        spans.append(Span(GATEWAY, "scale and encode", trace_id, root.span_id, decoded_ns, encoded_ns))
    publish = Span(GATEWAY, "publish", trace_id, root.span_id, encoded_ns, published_ns, context.span_id, "producer")
    return [*spans, publish]
