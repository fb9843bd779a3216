"""Metrics that every kind of process has."""

from prometheus_client import Counter

DROPPED = Counter("vedette_frames_dropped", "Frames dropped, by reason and hop.", ["camera", "reason", "hop"])
BUS_RECONNECTS = Counter("vedette_bus_reconnects", "Times that the connection to the bus was lost and came back.")
