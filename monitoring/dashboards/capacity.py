"""Capacity: what does a camera cost, how much headroom is left, and when does it run out?"""

from monitoring.panels import Dashboard, Panel, Query, Row

_BUSY = (
    "(sum by (model) (rate(model_inference_latency_seconds_sum{$S}[$R])) "
    "/ sum by (model) (vedette_sessions_in_service{$S}))"
)
_BUSY_AS_RECORDED = "max by (model) (vedette:session:busy_share5m{$S})"

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
            "Of the sessions: now, and by the trend of the last day in a week and in a month. Above 1 it has run out.",
            (
                Query(_BUSY_AS_RECORDED, "{{model}} now"),
                *(
                    Query(
                        f"predict_linear(vedette:session:busy_share5m{{$S}}[1d], {days} * 86400)",
                        f"{{{{model}}}} in {days} days",
                    )
                    for days in (7, 30)
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Time until it runs out",
            "Until the sessions are all busy, by the trend of the last day. Nothing is shown while the load falls.",
            (
                Query(
                    f"(1 - {_BUSY_AS_RECORDED}) / (max by (model) (deriv(vedette:session:busy_share5m{{$S}}[1d])) > 0)",
                    "{{model}}",
                ),
            ),
            "dtdurations",
            "numbers",
            only_with="a load that grows",
        ),
    ),
)
CAPACITY = Dashboard("capacity", "Vedette: Capacity", (__doc__ or "").strip(), (_COST, _HEADROOM, _FORECAST))
