"""Fleet: are the cameras there, how old is what is seen, and where do frames go?"""

from monitoring.panels import Dashboard, Panel, Query, Row

_UP = Row(
    "Cameras",
    (
        Panel(
            "Cameras live",
            "Of those that some gateway is to read.",
            (
                Query("sum(max by (site, camera) (vedette_camera_up{$S}))", "live"),
                Query("count(max by (site, camera) (vedette_camera_up{$S}))", "configured"),
            ),
            shape="numbers",
        ),
        Panel(
            "Not live",
            "Each camera that is not live now; its status says why.",
            (Query("sum by (site) (1 - max by (site, camera) (vedette_camera_up{$S}))", "{{site}} not live"),),
        ),
        Panel(
            "Reconnects",
            "Attempts to open a source again, a minute. A camera that stands out flaps.",
            (Query("topk(10, sum by (camera) (rate(vedette_camera_reconnects_total{$S}[$R])) * 60)", "{{camera}}"),),
        ),
        Panel(
            "Rate wanted of cameras",
            "Frames a second; below the configured rate while workers are busy.",
            (Query("avg by (pipeline) (vedette_camera_wanted_fps{$S})", "{{pipeline}}"),),
        ),
    ),
)
_AGE = Row(
    "Age",
    (
        Panel(
            "Age of frames, by camera",
            "Of the latest answered frame when its worker was done with it: the ten oldest.",
            (Query("topk(10, vedette_camera_frame_age_seconds{$S})", "{{camera}} {{pipeline}}"),),
            "s",
        ),
        Panel(
            "From arrival to detection",
            "p50 and p95 until the detections are stored.",
            tuple(
                Query(
                    f"histogram_quantile({share}, sum by (pipeline, le) "
                    "(rate(vedette_capture_to_detection_seconds_bucket{$S}[$R])))",
                    f"{{{{pipeline}}}} p{share[2:]}",
                )
                for share in ("0.50", "0.95")
            ),
            "s",
        ),
    ),
)
_ACCOUNT = Row(
    "Where frames go",
    (
        Panel(
            "What becomes of access units",
            "Each once, a second: unsampled, gated, held, corrupt, sampled, lost.",
            (Query("sum by (fate) (rate(vedette_frames_read_total{$S}[$R]))", "{{fate}}"),),
        ),
        Panel(
            "What becomes of sampled frames",
            "A second. Superseded and expired are no drops: they say that workers are busy.",
            (
                Query(
                    "sum by (outcome) (rate(vedette_frames_answered_total{$S,outcome!='expired'}[$R]))", "{{outcome}}"
                ),
                Query("sum(rate(vedette_frames_superseded_total{$S}[$R]))", "superseded"),
                Query("sum(rate(vedette_frames_expired_total{$S}[$R]))", "expired"),
            ),
        ),
        Panel(
            "Drops, by reason and hop",
            "A second. None is normal; docs/metrics.md says what each means.",
            (
                Query(
                    "sum by (hop, reason) (rate(vedette_frames_dropped_total{$S}[$R])) or vector(0)",
                    "{{hop}} {{reason}}",
                ),
            ),
        ),
    ),
)
_BUS = Row(
    "Processes",
    (
        Panel(
            "Connected to NATS",
            "By process; 0 while it is cut off.",
            (Query("vedette_bus_connected{$S}", "{{instance}}"),),
        ),
        Panel(
            "Leases taken and lost",
            "An hour. Losses while nothing restarts: a process is starved or cut off.",
            (Query("sum by (of, change) (rate(vedette_lease_changes_total{$S}[$R])) * 3600", "{{of}} {{change}}"),),
        ),
        Panel(
            "Load of decode processes",
            "Cores. Near 1 a process is full; its cameras move to another.",
            (Query("vedette_decode_process_load{$S}", "{{instance}} {{process}}"),),
        ),
    ),
)
FLEET = Dashboard("fleet", "Vedette: Fleet", (__doc__ or "").strip(), (_UP, _AGE, _ACCOUNT, _BUS))
