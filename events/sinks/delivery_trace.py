"""The part of a frame's trace that the delivery of one of its events is, with all its attempts."""

from time import time_ns

from events.sinks.sink_event import SinkEvent
from vedette.tracing.context import TraceContext, new_span_id
from vedette.tracing.span import EVENTS, Attributes, Span
from vedette.tracing.tracer import Tracer


class DeliveryTrace:
    """Of one event to one sink."""

    def __init__(self, tracer: Tracer, context: TraceContext, sink: str) -> None:
        self._tracer = tracer
        self._context = context
        self._sink = sink
        self._began_ns = time_ns()
        self._span_id = new_span_id()

    @property
    def onward(self) -> str:
        """What the receiver is told."""
        return str(self._context._replace(span_id=self._span_id))

    def done(self, event: SinkEvent, error: str | None) -> None:
        """It is delivered, or (`error`) it never will be."""
        trace_id, parent_id = self._context.trace_id, self._context.span_id
        said: Attributes = {
            "vedette.sink": self._sink,
            "vedette.event": event.kind,
            "vedette.failed_attempts": event.attempts,
        }
        span = Span(
            EVENTS, "deliver", trace_id, parent_id, self._began_ns, time_ns(), self._span_id, "client", said, error
        )
        self._tracer.record([span])


def begun(tracer: Tracer | None, sink: str, event: SinkEvent) -> DeliveryTrace | None:
    """Of an event that is to be sent from now on, which is told of its span; None where no trace of it is kept."""
    context = TraceContext.parse(event.traceparent) if tracer is not None else None
    if tracer is None or context is None or not context.sampled:
        return None
    trace = DeliveryTrace(tracer, context, sink)
    event.traceparent = trace.onward
    return trace
