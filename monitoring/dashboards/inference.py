"""Inference: how fast is each model, are its workers full, and is the candidate as good as the stable version?"""

from monitoring.panels import Dashboard, Panel, Query, Row

_GPU = "an NVIDIA GPU and the package nvidia-ml-py"


def _quantiles(metric: str, by: str, legend: str) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket{{$S}}[$R])))",
            f"{legend} p{share[2:]}",
        )
        for share in ("0.50", "0.95", "0.99")
    )


_LATENCY = Row(
    "Latency",
    (
        Panel(
            "Inference of a batch",
            "By model and version: p50, p95, p99.",
            _quantiles("model_inference_latency_seconds", "model, version", "{{model}} {{version}}"),
            "s",
        ),
        Panel(
            "Requests of clients",
            "From a request's header to its answer, by protocol; live, clip and crop are from the bus: p50, p95, p99.",
            _quantiles("vedette_inference_request_seconds", "model, protocol", "{{model}} {{protocol}}"),
            "s",
        ),
        Panel(
            "Stages of a frame, p95",
            "In the gateway decode, encode, publish; in a worker prepare and store. Waiting and the model are apart.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (stage, le) (rate(vedette_frame_stage_seconds_bucket{$S}[$R])))",
                    "{{stage}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Requests, by status",
            "A second, frames and crops from the bus too; what isn't ok has no answer, and why.",
            (
                Query(
                    "sum by (model, version, protocol, status) (rate(vedette_inference_requests_total{$S}[$R]))",
                    "{{model}} {{version}} {{protocol}} {{status}}",
                ),
            ),
            "reqps",
        ),
    ),
)
_SATURATION = Row(
    "Saturation",
    (
        Panel(
            "Queue time to compute time",
            "Above 1 pictures wait longer than they compute.",
            (
                Query(
                    "(sum by (model) (rate(vedette_batch_queue_seconds_sum{$S}[$R])) "
                    "/ sum by (model) (rate(vedette_batch_queue_seconds_count{$S}[$R]))) "
                    "/ (sum by (model) (rate(model_inference_latency_seconds_sum{$S}[$R])) "
                    "/ sum by (model) (rate(model_inference_latency_seconds_count{$S}[$R])))",
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            "Busy share of sessions",
            "Near 1 the workers are full.",
            (
                Query(
                    "sum by (model) (rate(model_inference_latency_seconds_sum{$S}[$R])) "
                    "/ sum by (model) (vedette_sessions_in_service{$S})",
                    "{{model}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Superseded share",
            "Of sampled frames, by pipeline. The more, the less often cameras are looked at.",
            (
                Query(
                    "sum by (pipeline) (rate(vedette_frames_superseded_total{$S}[$R])) "
                    "/ sum by (pipeline) (rate(vedette_frames_sampled_total{$S}[$R]))",
                    "{{pipeline}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Age of frames at inference",
            "p50, p95, p99, against the budget of the configuration.",
            _quantiles("vedette_frame_age_seconds", "model", "{{model}}"),
            "s",
        ),
    ),
)
_BATCHES = Row(
    "Batches",
    (
        Panel(
            "Mean size of a batch",
            "On a CPU 1 is normal: larger ones buy nothing there.",
            (
                Query(
                    "sum by (model) (rate(vedette_batch_size_sum{$S}[$R])) "
                    "/ sum by (model) (rate(vedette_batch_size_count{$S}[$R]))",
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            "Rows of padding",
            "A second: computed for nothing.",
            (Query("sum by (model) (rate(vedette_batch_padding_rows_total{$S}[$R]))", "{{model}}"),),
        ),
        Panel(
            "Sessions in service",
            "By model and version; 0 while none can run.",
            (Query("sum by (model, version) (vedette_sessions_in_service{$S})", "{{model}} {{version}}"),),
        ),
    ),
)
_VERSIONS = Row(
    "Versions: candidate against stable",
    (
        Panel(
            "Pictures, by version and role",
            "A second.",
            (
                Query(
                    "sum by (model, version, role) (rate(vedette_model_pictures_total{$S}[$R]))",
                    "{{model}} {{version}} {{role}}",
                ),
            ),
        ),
        Panel(
            "Share of the candidate",
            "Of the cameras, 0 while there is none.",
            (Query("max by (model) (vedette_rollout_share{$S})", "{{model}}"),),
            "percentunit",
        ),
        Panel(
            "Failures of candidates and loads",
            "An hour.",
            (
                Query(
                    "sum by (model, version) (rate(vedette_candidate_failures_total{$S}[$R])) * 3600 or vector(0)",
                    "{{model}} {{version}} failed",
                ),
                Query(
                    "sum by (model, version, reason) (rate(vedette_model_load_failures_total{$S}[$R])) * 3600 "
                    "or vector(0)",
                    "{{model}} {{version}} {{reason}}",
                ),
            ),
        ),
    ),
)
_GPUS = Row(
    "GPUs",
    (
        Panel(
            "Utilisation",
            "Of the chip and of its video decoder.",
            (
                Query("max by (node, gpu) (gpu_utilization{$S})", "{{node}} {{gpu}}"),
                Query("max by (node, gpu) (gpu_decoder_utilization{$S})", "{{node}} {{gpu}} decoder"),
            ),
            "percentunit",
            only_with=_GPU,
        ),
        Panel(
            "Memory",
            "In use, and there.",
            (
                Query("max by (node, gpu) (gpu_memory_used_bytes{$S})", "{{node}} {{gpu}}"),
                Query("max by (node, gpu) (gpu_memory_total_bytes{$S})", "{{node}} {{gpu}} there"),
            ),
            "bytes",
            only_with=_GPU,
        ),
        Panel(
            "Temperature",
            "",
            (Query("max by (node, gpu) (gpu_temperature_celsius{$S})", "{{node}} {{gpu}}"),),
            "celsius",
            only_with=_GPU,
        ),
        Panel(
            "Power",
            "",
            (Query("max by (node, gpu) (gpu_power_watts{$S})", "{{node}} {{gpu}}"),),
            "watt",
            only_with=_GPU,
        ),
    ),
)
INFERENCE = Dashboard(
    "inference", "Vedette: Inference", (__doc__ or "").strip(), (_LATENCY, _SATURATION, _BATCHES, _VERSIONS, _GPUS)
)
