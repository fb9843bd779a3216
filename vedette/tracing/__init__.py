"""OpenTelemetry traces of frames, off unless `tracing:` is configured (docs/traces.md).

context.py       the `traceparent` that travels with a frame and its events (W3C Trace Context)
sampling.py      which frames' traces are kept, decided when it is known how the frame has ended
span.py          a span; those of a gateway, as its headers tell them afterwards
tracer.py        finished spans, in a bounded queue
exporter.py      from there to a collector, over OTLP/HTTP; the only one that imports protobuf
"""
