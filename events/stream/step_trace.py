"""What an events worker adds to a frame's trace: from its detections to its events, by this machine's clock."""

from collections.abc import Sequence
from time import time_ns

from vedette.tracing.context import TraceContext, new_span_id
from vedette.tracing.span import EVENTS, Attributes, Kind, Span
from vedette.tracing.tracer import Tracer


class StepTrace:
    """Of one detections message, which has just been followed."""

    def __init__(self, tracer: Tracer, context: TraceContext, stored_ns: int, began_ns: int) -> None:
        self._tracer = tracer
        self._context = context
        self._stored_ns = stored_ns
        self._began_ns, self._followed_ns = began_ns, time_ns()
        self._publish_id = new_span_id()

    @property
    def onward(self) -> str:
        """The `traceparent` of the events."""
        return str(self._context._replace(span_id=self._publish_id) if self._context.sampled else self._context)

    def published(self, kinds: Sequence[str]) -> None:
        """What followed is stored: events of these kinds, or none."""
        if not self._context.sampled:
            return
        end_ns = time_ns()
        events = self._span("events", self._stored_ns, end_ns, self._context.span_id, kind="consumer")
        spans = [
            events,
            self._span("wait for an events worker", self._stored_ns, self._began_ns, events.span_id),
            self._span("track and zones", self._began_ns, self._followed_ns, events.span_id),
        ]
        if kinds:
            said: Attributes = {"vedette.events": len(kinds), "vedette.kinds": ", ".join(dict.fromkeys(kinds))}
            parent_id, span_id = events.span_id, self._publish_id
            spans.append(self._span("publish events", self._followed_ns, end_ns, parent_id, said, span_id, "producer"))
        self._tracer.record(spans)

    def _span(
        self,
        name: str,
        start_ns: int,
        end_ns: int,
        parent_id: int,
        attributes: Attributes | None = None,
        span_id: int | None = None,
        kind: Kind = "internal",
    ) -> Span:
        identity, trace_id = span_id or new_span_id(), self._context.trace_id
        return Span(EVENTS, name, trace_id, parent_id, start_ns, end_ns, identity, kind, attributes or {})


def begun(tracer: Tracer | None, traceparent: str | None, stored_at_s: float, began_ns: int) -> StepTrace | None:
    """Of detections that were stored at one moment, taken at the other and have just been followed; None where they
    are not traced."""
    context = TraceContext.parse(traceparent) if tracer is not None else None
    if tracer is None or context is None:
        return None
    return StepTrace(tracer, context, round(stored_at_s * 1e9), began_ns)
