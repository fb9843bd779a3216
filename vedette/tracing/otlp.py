"""Spans as OTLP has them: `ExportTraceServiceRequest` (opentelemetry/proto/collector/trace/v1/trace_service.proto)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from vedette.tracing.span import Span
from vedette.tracing.tracer import Spans

_KINDS = {
    "internal": Message.SPAN_KIND_INTERNAL,
    "client": Message.SPAN_KIND_CLIENT,
    "producer": Message.SPAN_KIND_PRODUCER,
    "consumer": Message.SPAN_KIND_CONSUMER,
}
_LONGEST_TEXT = 1024
"""Of an attribute or an error, characters."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Who speaks."""

    service: str
    """This process's; it also tells spans of gateways, of which it doesn't know on which host they ran."""
    site: str
    host: str
    version: str

    def of(self, service: str) -> Resource:
        """As OTLP has it (OpenTelemetry semantic conventions: service, host)."""
        known = {"service.name": service, "service.version": self.version, "vedette.site": self.site}
        here = {"host.name": self.host} if service == self.service else {}
        return Resource(attributes=_attributes({**known, **here}))


def encoded(traces: Iterable[Spans], resources: Resources) -> bytes:
    """The body of a request."""
    services: dict[str, list[Message]] = defaultdict(list)
    for spans in traces:
        for span in spans:
            services[span.service].append(_message(span))
    scope = InstrumentationScope(name="vedette", version=resources.version)
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(resource=resources.of(service), scope_spans=[ScopeSpans(scope=scope, spans=messages)])
            for service, messages in services.items()
        ]
    ).SerializeToString()


def _message(span: Span) -> Message:
    return Message(
        trace_id=span.trace_id.to_bytes(16),
        span_id=span.span_id.to_bytes(8),
        parent_span_id=span.parent_id.to_bytes(8) if span.parent_id else b"",
        flags=1,
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=max(span.start_ns, span.end_ns),
        attributes=_attributes(span.attributes),
        status=None if span.error is None else Status(code=Status.STATUS_CODE_ERROR, message=_text(span.error)),
    )


def _attributes(values: Mapping[str, str | bool | int | float]) -> Sequence[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in values.items()]


def _value(value: str | bool | int | float) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=_text(value))
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
    return AnyValue(double_value=value)


def _text(text: str) -> str:
    """Valid UTF-8 (half a character, as JSON may have it, is none), and not endless."""
    return text[:_LONGEST_TEXT].encode(errors="replace").decode()
