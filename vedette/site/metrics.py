"""What `vedette hub` says of the sites whose streams it sources. `edge` is the site."""

from prometheus_client import Counter, Gauge

UP = Gauge("vedette_edge_up", "1 while a site's server answers through its link.", ["edge"])
LAG = Gauge(
    "vedette_edge_lag_messages",
    "Messages that a site's server had when it last answered, and the hub has not yet.",
    ["edge", "stream"],
)
LATEST = Gauge(
    "vedette_edge_latest_timestamp_seconds", "When the hub last stored a message of a site.", ["edge", "stream"]
)
LOST = Counter(
    "vedette_edge_lost_messages",
    "Messages of a site that its server had discarded before the hub could have them.",
    ["edge", "stream"],
)
RENEWED = Counter(
    "vedette_edge_renewals",
    "Times that a site's stream was made anew: how many were lost isn't known.",
    ["edge", "stream"],
)
RECONNECTS = Counter(
    "vedette_edge_sourced_anew", "Times that a source was made anew after its link came back.", ["edge"]
)
