"""A collector: OTLP/HTTP, parsed as the protobuf messages of OpenTelemetry. It answers as the test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Seen:
    """A span that came."""

    service: str
    site: str
    name: str
    trace_id: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    kind: int
    attributes: dict[str, Any]
    error: str | None


@dataclass
class Collector:
    url: str
    spans: list[Seen] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    answer: threading.Event = field(default_factory=threading.Event)
    """Until it is set nobody gets an answer."""

    def traces(self) -> dict[str, list[Seen]]:
        """The spans of each trace."""
        found: dict[str, list[Seen]] = {}
        for span in list(self.spans):
            found.setdefault(span.trace_id, []).append(span)
        return found

    def whole(self, *names: str) -> list[list[Seen]]:
        """The traces that have spans of all these names."""
        return [spans for spans in self.traces().values() if set(names) <= {span.name for span in spans}]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            collector.paths.append(self.path)
            collector.answer.wait()
            if collector.status == 200:
                collector.spans += _spans(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    collector.answer.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield collector
    finally:
        collector.answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(body: bytes) -> Iterator[Seen]:
    for of in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {one.key: _plain(one.value) for one in of.resource.attributes}
        for scope in of.scope_spans:
            for span in scope.spans:
                yield _seen(span, str(resource["service.name"]), str(resource["vedette.site"]))


def _seen(span: Message, service: str, site: str) -> Seen:
    assert len(span.trace_id) == 16
    assert len(span.span_id) == 8
    return Seen(
        service,
        site,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.kind,
        {one.key: _plain(one.value) for one in span.attributes},
        span.status.message if span.status.code == Status.STATUS_CODE_ERROR else None,
    )


def _plain(value: AnyValue) -> Any:
    return getattr(value, str(value.WhichOneof("value")))
