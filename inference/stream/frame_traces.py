"""Traces of frames, from the packet to the detections message: made by the worker, who alone sees how a frame ends.

A frame comes with a `traceparent` that no trace is kept of yet. When it ends here it is known how long it took and
whether it failed: if its trace is kept, the worker makes the spans of its gateway too, from the frame's headers, and
says so in the `traceparent` of the detections, so that whoever follows adds its own. All times are by the NATS server's
clock.
"""

import datetime as dt
from time import monotonic

from inference.cascade.cascade import Looked
from inference.picture_model import Inference
from inference.stream.server_clock import ServerClock
from vedette.frames import FrameHeaders
from vedette.subjects import Feed
from vedette.tracing.context import TraceContext, new_span_id
from vedette.tracing.span import INFERENCE, Attributes, Kind, Span, frame_attributes, gateway_spans
from vedette.tracing.tracer import Tracer


class FrameTraces:
    """Of one process."""

    def __init__(self, tracer: Tracer, clock: ServerClock) -> None:
        self.tracer = tracer
        self.clock = clock

    def begin(self, feed: Feed, headers: FrameHeaders, stored_at: dt.datetime) -> "FrameTrace | None":
        """Of a frame that is in hand from now on; None where its gateway doesn't trace. `stored_at`: on the server."""
        context = TraceContext.parse(headers.traceparent)
        return None if context is None else FrameTrace(self, context, feed, headers, stored_at)


class FrameTrace:
    """One frame's. Moments are monotonic seconds until its spans are made."""

    def __init__(
        self, traces: FrameTraces, context: TraceContext, feed: Feed, headers: FrameHeaders, stored_at: dt.datetime
    ) -> None:
        self._tracer = traces.tracer
        self._context = context
        self._feed = feed
        self._headers = headers
        self._taken_s = monotonic()
        self._ahead_s = traces.clock.now().timestamp() - self._taken_s
        self._stored_s = stored_at.timestamp() - self._ahead_s
        self._reason: str | None = None
        self._span_id, self._publish_id = new_span_id(), new_span_id()
        self._answer: tuple[Inference, Looked | None] | None = None
        self._answered_s = self._taken_s
        self._publishing_s: float | None = None
        self._spans: list[Span] = []

    def answered(self, inference: Inference, looked: Looked | None = None) -> None:
        """The model, and the further stages, have answered just now."""
        self._answered_s, self._answer = monotonic(), (inference, looked)

    def publishing(self, failed: bool = False) -> str:
        """The detections are about to be published: whether the trace is kept is decided, and said in what is returned,
        the message's `traceparent`."""
        self._publishing_s = monotonic()
        self._reason = self._decided(failed)
        return str(TraceContext(self._context.trace_id, self._publish_id, self._reason is not None))

    def published(self, outcome: str, kept_picture: bool = False) -> None:
        """They are stored; `kept_picture`: the picture was, before them."""
        if self._reason is None:
            return
        if self._answer is not None:
            self._answers(*self._answer)
        if kept_picture and self._publishing_s is not None:
            self._add("keep picture", self._answered_s, self._publishing_s)
        self._record(outcome, None)

    def failed(self, outcome: str, why: str) -> None:
        """There are no detections; perhaps a message that says so."""
        self._reason = self._decided(failed=True)
        self._record(outcome, why)

    def _decided(self, failed: bool) -> str | None:
        """Why the trace is kept, if it is. The age of a recording's frame says nothing: it counts from here."""
        age_s = self._headers.age_ms / 1000
        began_s = self._taken_s if self._headers.budget_ms is None else self._stored_s - age_s
        took_ms = (monotonic() - began_s) * 1000
        return self._tracer.sampling.reason(self._context.trace_id, took_ms, failed)

    def _answers(self, inference: Inference, looked: Looked | None) -> None:
        prepared_s = self._taken_s + inference.prepare_s
        queued_s = prepared_s + inference.queue_s
        self._add("jpeg decode", self._taken_s, prepared_s)
        if inference.was_inferred:
            model = inference.model
            batch: Attributes = {
                "vedette.model": model.card.name,
                "vedette.version": model.version,
                "vedette.batch_size": inference.batch_size,
            }
            self._add("queue", prepared_s, queued_s)
            self._add("infer", queued_s, queued_s + inference.infer_s, batch)
        if looked is not None:
            self._cascade(looked)

    def _cascade(self, looked: Looked) -> None:
        cascade_id = new_span_id()
        missing = {"vedette.incomplete": ", ".join(looked.incomplete)} if looked.incomplete else {}
        self._add("cascade", self._answered_s - looked.waited_s, self._answered_s, missing, span_id=cascade_id)
        for step in looked.steps:
            attributes: Attributes = {
                "vedette.model": step.model,
                "vedette.crops": step.asked,
                "vedette.answers": step.answered,
            }
            self._add(f"stage {step.name}", step.began_s, step.ended_s, attributes, parent_id=cascade_id)

    def _record(self, outcome: str, error: str | None) -> None:
        end_s = monotonic()
        if self._publishing_s is not None:
            self._add("publish detections", self._publishing_s, end_s, span_id=self._publish_id, kind="producer")
        published_ns, end_ns = self._ns(self._stored_s), self._ns(end_s)
        whose = {
            **frame_attributes(self._feed, self._headers),
            "vedette.outcome": outcome,
            "vedette.sampled": self._reason or "",
        }
        gateway = gateway_spans(self._context, self._headers, published_ns, end_ns, whose, error)
        wait = self._span("wait for a worker", self._stored_s, self._taken_s, {}, self._context.span_id)
        ours = self._span(
            "inference", self._taken_s, end_s, {}, self._context.span_id, self._span_id, "consumer", error
        )
        self._tracer.record([*gateway, wait, ours, *self._spans])

    def _add(
        self,
        name: str,
        start_s: float,
        end_s: float,
        attributes: Attributes | None = None,
        parent_id: int | None = None,
        span_id: int | None = None,
        kind: Kind = "internal",
    ) -> None:
        parent_id = self._span_id if parent_id is None else parent_id
        self._spans.append(self._span(name, start_s, end_s, attributes or {}, parent_id, span_id, kind))

    def _span(
        self,
        name: str,
        start_s: float,
        end_s: float,
        attributes: Attributes,
        parent_id: int,
        span_id: int | None = None,
        kind: Kind = "internal",
        error: str | None = None,
    ) -> Span:
        start_ns, end_ns = self._ns(start_s), self._ns(end_s)
        identity, trace_id = span_id or new_span_id(), self._context.trace_id
        return Span(INFERENCE, name, trace_id, parent_id, start_ns, end_ns, identity, kind, attributes, error)

    def _ns(self, moment_s: float) -> int:
        return round((moment_s + self._ahead_s) * 1e9)
