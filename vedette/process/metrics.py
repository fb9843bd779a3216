"""Metrics that every kind of process has."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import ModuleType

from prometheus_client import Counter, Gauge, Histogram

DROPPED = Counter("vedette_frames_dropped", "Frames dropped, by reason and hop.", ["camera", "reason", "hop"])
SUPERSEDED = Counter(
    "vedette_frames_superseded",
    "Frames replaced by a newer one of their camera before they were sent, or before a worker took them.",
    ["camera", "pipeline"],
)
EXPIRED = Counter(
    "vedette_frames_expired",
    "Frames that nobody took while the bus kept them, or that a worker took past their budget.",
    ["camera", "pipeline"],
)
"""These two are no drops: a series of their own each. A gateway's sum: sampled = published + superseded before sending
+ dropped at the hop `gateway`; published = superseded + expired + what workers served."""
STAGE_TIME = Histogram(
    "vedette_frame_stage_seconds",
    "What each stage of a frame's way takes: decode, encode and publish in the gateway, prepare and store in a worker.",
    ["stage", "pipeline"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
BUS_CONNECTED = Gauge("vedette_bus_connected", "1 while this process is connected to the bus, with its streams there.")
LEASE_CHANGES = Counter(
    "vedette_lease_changes",
    "Leases (of a camera, a partition of detections, a sink) that this process took, or lost to its end.",
    ["of", "change"],
)
CERTIFICATE_EXPIRY = Gauge(
    "vedette_certificate_expiry_timestamp_seconds", "When a certificate in use ends; Unix seconds.", ["certificate"]
)
AUDIT_DROPPED = Counter(
    "vedette_audit_dropped",
    "Entries of the audit log that were not kept: of callers that nobody knows, over a rate, or too many.",
    ["reason"],
)
BUS_RECONNECTS = Counter("vedette_bus_reconnects", "Times that the connection to the bus was lost and came back.")
TRACES_DROPPED = Counter(
    "vedette_traces_dropped",
    "Frames whose spans were not sent: full (the collector is away or slow), refused, stopped (too late), defect.",
    ["reason"],
)
SPANS_EXPORTED = Counter("vedette_spans_exported", "Spans that the collector has taken.")


def forget(modules: Iterable[ModuleType], labels: Mapping[str, str]) -> None:
    """Remove the series with these labels from all metrics of `modules`."""
    for module in modules:
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                with suppress(ValueError):  # it has no such label
                    metric.remove_by_labels(dict(labels))
