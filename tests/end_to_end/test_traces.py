"""One trace a frame, from its packet to its events and their delivery, through all the processes of a site."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.end_to_end.site import Site, site, until
from tests.vedette.tracing.collector import Seen, collecting

pytestmark = pytest.mark.timeout(300)

PARENTS = {
    "frame": "",
    "decode": "frame",
    "scale and encode": "frame",
    "publish": "frame",
    "wait for a worker": "publish",
    "inference": "publish",
    "jpeg decode": "inference",
    "queue": "inference",
    "infer": "inference",
    "keep picture": "inference",
    "publish detections": "inference",
    "events": "publish detections",
    "wait for an events worker": "events",
    "track and zones": "events",
    "publish events": "events",
    "deliver": "publish events",
}
SERVICES = {
    **dict.fromkeys(("frame", "decode", "scale and encode", "publish"), "vedette-gateway"),
    **dict.fromkeys(("events", "track and zones", "publish events", "deliver"), "vedette-events"),
}


@pytest.fixture
def delivered() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A webhook's URL, and the `traceparent` and event of each request to it."""
    requests: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.headers.get("traceparent", ""), json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_frame_is_one_trace_from_its_packet_to_the_delivery_of_its_events(
    tmp_path: Path, delivered: tuple[str, list[tuple[str, dict[str, Any]]]]
) -> None:
    url, requests = delivered
    with collecting() as collector, site(tmp_path) as running:
        configure(running, tracing={"endpoint": collector.url, "share": 1.0}, sinks={"hook": {"webhook": url}})
        running.start()
        until(lambda: collector.whole(*PARENTS), "a trace with all spans", 120)
        running.interrupt()
        assert running.up.wait(60) == 0
    spans = collector.whole(*PARENTS)[0]
    names = {span.id: span.name for span in spans}
    assert len(names) == len(spans)
    assert {(span.name, names.get(span.parent, "")) for span in spans} == set(PARENTS.items())
    assert all(SERVICES.get(span.name, span.service) == span.service for span in spans)
    assert {span.site for span in spans} == {running.name}
    (root,) = [span for span in spans if not span.parent]
    assert root.attributes["vedette.camera"] == "street"
    within(root, spans)
    deliveries = {span.id: span.trace_id for span in collector.spans if span.name == "deliver"}
    published = {span.id: span.trace_id for span in collector.spans if span.name == "publish events"}
    traced = [(header, event) for header, event in requests if header]
    assert traced
    for header, event in traced:
        _, trace_id, span_id, flags = header.split("-")
        assert (deliveries[span_id], flags) == (trace_id, "01")
        assert published[event["traceparent"].split("-")[2]] == trace_id


def within(root: Seen, spans: list[Seen]) -> None:
    """Each begins and ends in order; those of gateway and worker lie in the frame's."""
    for span in spans:
        assert root.start_ns <= span.start_ns <= span.end_ns
        if span.service != "vedette-events":
            assert span.end_ns <= root.end_ns


def configure(running: Site, **more: object) -> None:
    text = running.config.read_text() + "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items())
    running.config.write_text(text)
