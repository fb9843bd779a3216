"""Metrics that every kind of process has."""

from prometheus_client import Counter, Gauge

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
BUS_CONNECTED = Gauge("vedette_bus_connected", "1 while this process is connected to the bus, with its streams there.")
LEASE_CHANGES = Counter(
    "vedette_lease_changes",
    "Leases (of a camera, a partition of detections, a sink) that this process took, or lost to its end.",
    ["of", "change"],
)
CERTIFICATE_EXPIRY = Gauge(
    "vedette_certificate_expiry_timestamp_seconds", "When a certificate in use ends; Unix seconds.", ["certificate"]
)
BUS_RECONNECTS = Counter("vedette_bus_reconnects", "Times that the connection to the bus was lost and came back.")
TRACES_DROPPED = Counter(
    "vedette_traces_dropped",
    "Frames whose spans were not sent: full (the collector is away or slow), refused, stopped (too late), defect.",
    ["reason"],
)
SPANS_EXPORTED = Counter("vedette_spans_exported", "Spans that the collector has taken.")
