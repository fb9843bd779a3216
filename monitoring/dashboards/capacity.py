"""Capacity: what does a camera cost, how much headroom is left, and when does it run out?"""

from monitoring.panels import Dashboard, Panel, Query, Row

_BUSY = (
    "(sum by (model) (rate(model_inference_latency_seconds_sum{$S}[$R])) "
    "/ sum by (model) (vedette_sessions_in_service{$S}))"
)
_RECORDED = "vedette:session:busy_share5m{$S}"
_LONG_ENOUGH = f"(time() - min_over_time(timestamp({_RECORDED})[1d:5m]) >= 6 * 3600)"
"""Where there is a past of six hours: of minutes the trend says nothing of weeks."""
_A_PAST = "a past of six hours"


def _in(days: int) -> Query:
    trend = f"clamp_min(predict_linear({_RECORDED}[1d], {days} * 86400), 0)"
    return Query(f"max by (model) ({trend} and {_LONG_ENOUGH})", f"{{{{model}}}} in {days} days", _A_PAST)


_UNTIL_FULL = f"min by (model) (clamp_min(1 - {_RECORDED}, 0) / (deriv({_RECORDED}[1d]) > 0) and {_LONG_ENOUGH})"

_COST = Row(
    "Cost",
    (
        Panel(
            "CPU of a camera",
            "CPU seconds of decoding a second, the ten dearest cameras.",
            (Query("topk(10, sum by (camera) (rate(vedette_camera_decode_cpu_seconds_total{$S}[$R])))", "{{camera}}"),),
        ),
        Panel(
            "CPU of a camera, all processes",
            "CPU seconds a second of all decoding and all processes, over the cameras that are live.",
            (
                Query(
                    "(sum(rate(process_cpu_seconds_total{$S}[$R])) "
                    "+ sum(rate(vedette_camera_decode_cpu_seconds_total{$S}[$R]))) "
                    "/ sum(max by (site, camera) (vedette_camera_up{$S}))",
                    "CPU seconds a camera-second",
                ),
            ),
        ),
        Panel(
            "CPU of processes",
            "Cores. Decoding is in processes of its own.",
            (
                Query("sum by (instance) (rate(process_cpu_seconds_total{$S}[$R]))", "{{instance}}"),
                Query("sum(vedette_decode_process_load{$S})", "decoding"),
            ),
        ),
        Panel(
            "Memory of processes",
            "Resident. What grows for days is a leak.",
            (Query("process_resident_memory_bytes{$S}", "{{instance}}"),),
            "bytes",
        ),
    ),
)
_HEADROOM = Row(
    "Headroom",
    (
        Panel(
            "Headroom of inference",
            "Share of the sessions' time that is free. Below 0.2 peaks are superseded.",
            (Query(f"1 - {_BUSY}", "{{model}}"),),
            "percentunit",
        ),
        Panel(
            "Cameras that would still fit",
            "At what a live camera takes of the sessions now.",
            (
                Query(
                    f"(1 - max({_BUSY})) / max({_BUSY}) * sum(max by (site, camera) (vedette_camera_up{{$S}}))",
                    "cameras",
                ),
            ),
            shape="numbers",
        ),
        Panel(
            "Fullest decode process",
            "Cores; one process has one core to decode with.",
            (Query("max by (instance) (vedette_decode_process_load{$S})", "{{instance}}"),),
        ),
    ),
)
_FORECAST = Row(
    "When it runs out",
    (
        Panel(
            "Busy share, as it will be",
            "Of the sessions: now, and in a week and in a month by the trend of the last day, of which there must be "
            "six hours. Above 1 it has run out.",
            (Query(f"max by (model) ({_RECORDED})", "{{model}} now"), _in(days=7), _in(days=30)),
            "percentunit",
        ),
        Panel(
            "Time until it runs out",
            "Until the sessions are all busy, by the trend of the last day, of which there must be six hours. "
            "Nothing is shown while the load falls.",
            (Query(_UNTIL_FULL, "{{model}}"),),
            "dtdurations",
            "numbers",
            only_with=f"a load that grows, and {_A_PAST}",
        ),
    ),
)
CAPACITY = Dashboard("capacity", "Vedette: Capacity", (__doc__ or "").strip(), (_COST, _HEADROOM, _FORECAST))
