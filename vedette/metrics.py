"""Metrics that every kind of process has."""

from prometheus_client import Counter

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
BUS_RECONNECTS = Counter("vedette_bus_reconnects", "Times that the connection to the bus was lost and came back.")
