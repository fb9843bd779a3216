"""The alerts and recording rules. Each alert has a page `docs/runbooks/<name>.md`, and cases in its tests.

Rules aggregate over what a series says of where it comes from (`instance`, `pod`) and keep `site`, a label that the
scrape configuration gives each site's targets. Counters that are born with their first increment (`increase` doesn't
see that one) are compared with what was there before.
"""

from dataclasses import dataclass
from typing import Literal

RUNBOOKS = "https://vedette.dev/docs/runbooks/"

Severity = Literal["critical", "warning", "info"]
"""`critical`: somebody is woken; `warning`: within the day; `info`: to be seen."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus keeps, computed from others."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """When somebody should be told, and what."""

    name: str
    runbook: str
    """The page's name, without `.md`."""
    expr: str
    lasting: str
    """How long it must hold, as Prometheus writes durations."""
    severity: Severity
    summary: str
    description: str

    @property
    def runbook_url(self) -> str:
        return f"{RUNBOOKS}{self.runbook}.md"


RECORDINGS = (
    Recording(
        "model_inference_latency",
        "histogram_quantile(0.99, sum by (site, model, version, le) "
        "(rate(model_inference_latency_seconds_bucket[5m])))",
    ),
    Recording(
        "vedette:superseded:share5m",
        "sum by (site, pipeline) (rate(vedette_frames_superseded_total[5m])) "
        "/ (sum by (site, pipeline) (rate(vedette_frames_sampled_total[5m])) > 0)",
    ),
    Recording(
        "vedette:expired:share5m",
        "sum by (site, pipeline) (rate(vedette_frames_expired_total[5m])) "
        "/ (sum by (site, pipeline) (rate(vedette_frames_sampled_total[5m])) > 0)",
    ),
    Recording(
        "vedette:session:busy_share5m",
        "sum by (site, model) (rate(model_inference_latency_seconds_sum[5m])) "
        "/ (sum by (site, model) (vedette_sessions_in_service) > 0)",
    ),
    Recording(
        "vedette:queue_to_compute:ratio5m",
        "(sum by (site, model) (rate(vedette_batch_queue_seconds_sum[5m])) "
        "/ sum by (site, model) (rate(vedette_batch_queue_seconds_count[5m]))) "
        "/ ((sum by (site, model) (rate(model_inference_latency_seconds_sum[5m])) "
        "/ sum by (site, model) (rate(model_inference_latency_seconds_count[5m]))) > 0)",
    ),
)


def _new(counter: str, by: str, within: str) -> str:
    """Whether a counter grew, or came into being, within a time."""
    grew = f"sum by ({by}) (increase({counter}[{within}])) > 0"
    return f"({grew}) or (sum by ({by}) ({counter}) > 0 unless sum by ({by}) ({counter} offset {within}))"


ALERTS = (
    Alert(
        "VedetteProcessDown",
        "process-down",
        'up{job=~".*vedette.*"} == 0',
        "2m",
        "critical",
        "{{ $labels.instance }} does not answer",
        "Prometheus has had no metrics of it for two minutes.",
    ),
    Alert(
        "VedetteCameraDown",
        "camera-down",
        "max by (site, camera) (vedette_camera_up) == 0",
        "2m",
        "warning",
        "Camera {{ $labels.camera }} is down",
        "It has not been live in any gateway for two minutes. Its status says why.",
    ),
    Alert(
        "VedetteCamerasUnassigned",
        "cameras-unassigned",
        "sum by (site) (vedette_cameras_unassigned) > 0",
        "2m",
        "warning",
        "{{ $value }} cameras of {{ $labels.site }} run nowhere: no gateway has room",
        "Each gateway takes cameras up to its capacity. These are beyond that of all of them.",
    ),
    Alert(
        "VedetteCameraFlapping",
        "camera-flapping",
        "max by (site, camera) (changes(vedette_camera_up[15m])) > 5",
        "1m",
        "warning",
        "Camera {{ $labels.camera }} comes and goes: {{ $value }} changes in 15 minutes",
        "It changed between live and not more than five times in a quarter of an hour.",
    ),
    Alert(
        "VedetteNoFrames",
        "no-frames",
        "(max by (site, camera) (vedette_camera_up) == 1) "
        "unless on (site, camera) (sum by (site, camera) (rate(vedette_frames_answered_total[5m])) > 0)",
        "5m",
        "critical",
        "Camera {{ $labels.camera }} is live, and none of its frames is answered",
        "For five minutes no worker has served a frame of it. An idle scene behind a gate still has one every 30 s.",
    ),
    Alert(
        "VedetteFramesOverDeadline",
        "frames-over-deadline",
        "vedette:expired:share5m > 0.05",
        "5m",
        "warning",
        "{{ $value | humanizePercentage }} of the frames of pipeline {{ $labels.pipeline }} are over their deadline",
        "Frames grow older than their budget before a worker has time for them.",
    ),
    Alert(
        "VedetteSupersededShare",
        "superseded-share",
        "vedette:superseded:share5m > 0.5",
        "10m",
        "warning",
        "{{ $value | humanizePercentage }} of the frames of pipeline {{ $labels.pipeline }} are superseded",
        "More is sampled than workers can serve; cameras are looked at less often than configured.",
    ),
    Alert(
        "VedetteInferenceLatency",
        "inference-latency",
        "model_inference_latency > 0.5",
        "5m",
        "warning",
        "Model {{ $labels.model }} {{ $labels.version }} takes {{ $value | humanizeDuration }} (p99)",
        "One batch in a hundred has taken more than 500 ms, for five minutes.",
    ),
    Alert(
        "VedetteGpuBusy",
        "gpu-busy",
        "max by (site, node, gpu, product) (gpu_utilization) > 0.85",
        "10m",
        "warning",
        "GPU {{ $labels.gpu }} ({{ $labels.product }}) is busy {{ $value | humanizePercentage }} of the time",
        "It has been for ten minutes: there is no headroom for another camera or for a peak.",
    ),
    Alert(
        "VedetteModelLoadFailed",
        "model-load-failed",
        _new("vedette_model_load_failures_total", "site, model, version, reason", "15m"),
        "0m",
        "warning",
        "{{ $labels.model }} {{ $labels.version }} could not be loaded: {{ $labels.reason }}",
        "What was served before is served still.",
    ),
    Alert(
        "VedetteDeadLetters",
        "dead-letters",
        _new('vedette_sink_events_total{outcome="dead"}', "site, sink", "15m"),
        "0m",
        "critical",
        "Events for {{ $labels.sink }} became dead letters",
        "Its receiver refused them, or did not take them in time. They are kept, and can be delivered again.",
    ),
    Alert(
        "VedetteBusDisconnected",
        "bus-disconnected",
        "vedette_bus_connected == 0",
        "1m",
        "critical",
        "{{ $labels.instance }} is not connected to NATS",
        "Frames are dropped while a gateway is; events wait while a worker is.",
    ),
    Alert(
        "VedetteLeaseChurn",
        "lease-churn",
        'sum by (site, of) (increase(vedette_lease_changes_total{change="lost"}[15m])) > 5',
        "0m",
        "warning",
        "Leases of {{ $labels.of }}s are lost again and again",
        "Processes that live lose what they own to others: they are starved, paused, or cut off from the server.",
    ),
    Alert(
        "VedetteSiteDown",
        "site-down",
        "min by (edge) (vedette_edge_up) == 0",
        "10m",
        "warning",
        "Site {{ $labels.edge }} is cut off from the hub",
        "For ten minutes its server has not answered. Nothing is lost as long as it holds what the hub has not got.",
    ),
    Alert(
        "VedetteSiteGap",
        "site-gap",
        _new("vedette_edge_lost_messages_total", "edge, stream", "15m"),
        "0m",
        "critical",
        "Messages of site {{ $labels.edge }} are lost to the hub ({{ $labels.stream }})",
        "The link was down for longer than the site keeps them: its server had discarded them when it came back.",
    ),
    Alert(
        "VedetteSiteRenewed",
        "site-renewed",
        _new("vedette_edge_renewals_total", "edge, stream", "15m"),
        "0m",
        "critical",
        "{{ $labels.stream }} of site {{ $labels.edge }} was made anew",
        "Its server came back with an empty store. What the hub had not got by then is lost.",
    ),
    Alert(
        "VedetteSiteBehind",
        "site-behind",
        "min by (edge, stream) (min_over_time(vedette_edge_lag_messages[30m])) > 1000 "
        "and on (edge) min by (edge) (vedette_edge_up) == 1",
        "5m",
        "warning",
        "The hub is {{ $value }} messages behind site {{ $labels.edge }} ({{ $labels.stream }})",
        "Its link is up, and for half an hour the backlog has not drained.",
    ),
    Alert(
        "VedetteCertificateExpires",
        "certificate-expires",
        "min by (site, instance, certificate) (vedette_certificate_expiry_timestamp_seconds) - time() < 14 * 86400",
        "1h",
        "warning",
        "The certificate {{ $labels.certificate }} of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}",
        "Clients will refuse the connection when it has ended. A new file is taken without a restart.",
    ),
)
