"""Events: what happens, where, how late is it told, and is it delivered?"""

from monitoring.panels import Dashboard, Panel, Query, Row

_RATES = Row(
    "What happens",
    (
        Panel(
            "Events, by kind",
            "A minute.",
            (Query("sum by (kind) (rate(vedette_events_total{$S}[$R])) * 60", "{{kind}}"),),
        ),
        Panel(
            "New objects, by label",
            "A minute.",
            (Query('sum by (label) (rate(vedette_object_events_total{$S, kind="object.new"}[$R])) * 60', "{{label}}"),),
        ),
        Panel(
            "Zones and lines",
            "Enters, leaves and crossings a minute, by camera and place.",
            (
                Query(
                    "topk(20, sum by (camera, place, kind) (rate(vedette_place_events_total{$S}[$R])) * 60)",
                    "{{camera}} {{place}} {{kind}}",
                ),
            ),
        ),
        Panel(
            "Objects in zones",
            "Now.",
            (Query("vedette_zone_occupancy{$S}", "{{camera}} {{zone}}"),),
        ),
    ),
)
_LATENESS = Row(
    "How late",
    (
        Panel(
            "From detections to events",
            "p50, p95, p99, from store to store.",
            tuple(
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate(vedette_events_lag_seconds_bucket{{$S}}[$R])))",
                    f"p{share[2:]}",
                )
                for share in ("0.50", "0.95", "0.99")
            ),
            "s",
        ),
        Panel(
            "Detections taken in",
            "Messages a second.",
            (Query("sum(rate(vedette_events_detections_total{$S}[$R]))", "messages"),),
        ),
        Panel(
            "Left out, by reason",
            "Detections that made no difference, a second.",
            (Query("sum by (reason) (rate(vedette_events_left_out_total{$S}[$R])) or vector(0)", "{{reason}}"),),
        ),
        Panel(
            "Partitions held",
            "16 in all; fewer: some are without an owner.",
            (
                Query("sum by (site) (vedette_partitions_held{$S})", "{{site}} held"),
                Query("sum by (site) (increase(vedette_partition_takeovers_total{$S}[$R]))", "{{site}} taken over"),
            ),
        ),
    ),
)
_SINK = "a sink"
_DELIVERY = Row(
    "Delivery",
    (
        Panel(
            "Delivered and dead, by sink",
            "Events a minute. A dead letter is kept, and an alert.",
            (Query("sum by (sink, outcome) (rate(vedette_sink_events_total{$S}[$R])) * 60", "{{sink}} {{outcome}}"),),
            only_with=_SINK,
        ),
        Panel(
            "Retries, by sink",
            "A minute: the receiver fails or is away.",
            (Query("sum by (sink) (rate(vedette_sink_retries_total{$S}[$R])) * 60 or vector(0)", "{{sink}}"),),
        ),
        Panel(
            "Waiting for a sink",
            "Events that a receiver has still to get.",
            (Query("max by (sink) (vedette_sink_waiting_events{$S})", "{{sink}}"),),
            only_with=_SINK,
        ),
        Panel(
            "Lag of sinks",
            "How long the oldest has waited.",
            (Query("max by (sink) (vedette_sink_lag_seconds{$S})", "{{sink}}"),),
            "s",
            only_with=_SINK,
        ),
    ),
)
EVENTS = Dashboard("events", "Vedette: Events", (__doc__ or "").strip(), (_RATES, _LATENESS, _DELIVERY))
