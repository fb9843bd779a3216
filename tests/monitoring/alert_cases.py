"""When each alert is to fire and when not: series of a sample a minute, in the notation of promtool, looked at after a
while. https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """Series, and what comes of them."""

    alert: str
    what: str
    series: Mapping[str, str]
    at: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the alert that fires, without its severity."""
    summary: str | None = None
    """None: it does not fire."""


def _camera(metric: str, **more: str) -> str:
    labels = {"site": "plant", "camera": "gate", "instance": "a:8080"} | more
    return metric + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _pipeline(metric: str) -> str:
    return _camera(metric, pipeline="people")


_GATE = {"site": "plant", "camera": "gate"}
_PEOPLE = {"site": "plant", "pipeline": "people"}
_LATENCY = 'model_inference_latency_seconds_bucket{site="plant",model="coco",version="1.0.0",le="%s"}'
_GPU = 'gpu_utilization{site="plant",node="n1",gpu="0",product="L4",instance="%s"}'
_LOAD = 'vedette_model_load_failures_total{site="plant",model="coco",version="2.0.0",reason="unusable"}'
_SINK = 'vedette_sink_events_total{site="plant",sink="alarm",outcome="%s"}'
_LEASE = 'vedette_lease_changes_total{site="plant",of="camera",change="%s"}'
_CERTIFICATE = 'vedette_certificate_expiry_timestamp_seconds{site="plant",instance="a:8000",certificate="serving"}'
_UNASSIGNED = 'vedette_cameras_unassigned{site="plant",instance="%s"}'
_BUS = 'vedette_bus_connected{site="plant",instance="a:8080"}'
_UP = 'up{job="vedette",site="plant",instance="a:8080"}'

_EDGE = 'vedette_edge_%s{site="cloud",instance="hub:8070",edge="plant-1"%s}'
_SOURCED = ',stream="EVENTS"'
_EDGE_EVENTS = {"edge": "plant-1", "stream": "EVENTS"}

CASES = (
    Case(
        "VedetteSiteDown",
        "cut off for a quarter of an hour",
        {_EDGE % ("up", ""): "1 0x20"},
        "14m",
        {"edge": "plant-1"},
        "Site plant-1 is cut off from the hub",
    ),
    Case("VedetteSiteDown", "back after five minutes", {_EDGE % ("up", ""): "1 0 0 0 0 0 1x20"}, "14m"),
    Case(
        "VedetteSiteGap",
        "the first gap ever: the series is born with it",
        {_EDGE % ("lost_messages_total", _SOURCED): "_ _ 1204x20"},
        "4m",
        _EDGE_EVENTS,
        "Messages of site plant-1 are lost to the hub (EVENTS)",
    ),
    Case("VedetteSiteGap", "an old one", {_EDGE % ("lost_messages_total", _SOURCED): "1204x40"}, "30m"),
    Case(
        "VedetteSiteRenewed",
        "a new disk",
        {_EDGE % ("renewals_total", _SOURCED): "0 0 1x20"},
        "4m",
        _EDGE_EVENTS,
        "EVENTS of site plant-1 was made anew",
    ),
    Case("VedetteSiteRenewed", "long ago", {_EDGE % ("renewals_total", _SOURCED): "1x40"}, "30m"),
    Case(
        "VedetteSiteBehind",
        "the link is up, and too slow",
        {_EDGE % ("up", ""): "1x60", _EDGE % ("lag_messages", _SOURCED): "2000+100x60"},
        "40m",
        _EDGE_EVENTS,
        "The hub is 3000 messages behind site plant-1 (EVENTS)",
    ),
    Case(
        "VedetteSiteBehind",
        "the backlog drains",
        {_EDGE % ("up", ""): "1x60", _EDGE % ("lag_messages", _SOURCED): "90000-9000x10 0x50"},
        "40m",
    ),
    Case(
        "VedetteProcessDown",
        "no answer for minutes",
        {_UP: "1 1 0x10"},
        "6m",
        {"job": "vedette", "site": "plant", "instance": "a:8080"},
        "a:8080 does not answer",
    ),
    Case("VedetteProcessDown", "one scrape was missed", {_UP: "1 1 0 1x10"}, "6m"),
    Case(
        "VedetteCameraDown",
        "live in neither of two gateways",
        {_camera("vedette_camera_up"): "1 0x10", _camera("vedette_camera_up", instance="b:8080"): "0x11"},
        "6m",
        _GATE,
        "Camera gate is down",
    ),
    Case(
        "VedetteCameraDown",
        "the other gateway has it",
        {_camera("vedette_camera_up"): "1 0x10", _camera("vedette_camera_up", instance="b:8080"): "0 1x10"},
        "6m",
    ),
    Case(
        "VedetteCamerasUnassigned",
        "two gateways speak of three",
        {_UNASSIGNED % "a:8080": "0 2x10", _UNASSIGNED % "b:8080": "0 1x10"},
        "6m",
        {"site": "plant"},
        "3 cameras of plant run nowhere: no gateway has room",
    ),
    Case("VedetteCamerasUnassigned", "another gateway came", {_UNASSIGNED % "a:8080": "2 2 0x10"}, "6m"),
    Case(
        "VedetteCameraFlapping",
        "up and down each minute",
        {_camera("vedette_camera_up"): "1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0"},
        "10m",
        _GATE,
        "Camera gate comes and goes: 10 changes in 15 minutes",
    ),
    Case("VedetteCameraFlapping", "one restart", {_camera("vedette_camera_up"): "1 1 0 1x20"}, "10m"),
    Case(
        "VedetteNoFrames",
        "live, sampled, never answered",
        {
            _camera("vedette_camera_up"): "1x20",
            _camera("vedette_frames_answered_total", pipeline="people", outcome="inferred"): "7x20",
        },
        "15m",
        _GATE,
        "Camera gate is live, and none of its frames is answered",
    ),
    Case(
        "VedetteNoFrames",
        "idle behind its gate: two a minute",
        {
            _camera("vedette_camera_up"): "1x20",
            _camera("vedette_frames_answered_total", pipeline="people", outcome="inferred"): "0+2x20",
        },
        "15m",
    ),
    Case("VedetteNoFrames", "down: another alert says so", {_camera("vedette_camera_up"): "0x20"}, "15m"),
    Case(
        "VedetteFramesOverDeadline",
        "one in five",
        {_pipeline("vedette_frames_sampled_total"): "0+100x20", _pipeline("vedette_frames_expired_total"): "0+20x20"},
        "15m",
        _PEOPLE,
        "20% of the frames of pipeline people are over their deadline",
    ),
    Case(
        "VedetteFramesOverDeadline",
        "one in a hundred",
        {_pipeline("vedette_frames_sampled_total"): "0+100x20", _pipeline("vedette_frames_expired_total"): "0+1x20"},
        "15m",
    ),
    Case(
        "VedetteSupersededShare",
        "three in four",
        {
            _pipeline("vedette_frames_sampled_total"): "0+100x30",
            _pipeline("vedette_frames_superseded_total"): "0+75x30",
        },
        "25m",
        _PEOPLE,
        "75% of the frames of pipeline people are superseded",
    ),
    Case(
        "VedetteSupersededShare",
        "one in ten",
        {
            _pipeline("vedette_frames_sampled_total"): "0+100x30",
            _pipeline("vedette_frames_superseded_total"): "0+10x30",
        },
        "25m",
    ),
    Case(
        "VedetteInferenceLatency",
        "nearly all batches take a second",
        {_LATENCY % "0.5": "0+1x20", _LATENCY % "1.0": "0+100x20", _LATENCY % "+Inf": "0+100x20"},
        "15m",
        {"site": "plant", "model": "coco", "version": "1.0.0"},
        "Model coco 1.0.0 takes 994.9ms (p99)",
    ),
    Case(
        "VedetteInferenceLatency",
        "fast",
        {_LATENCY % "0.1": "0+100x20", _LATENCY % "0.5": "0+100x20", _LATENCY % "+Inf": "0+100x20"},
        "15m",
    ),
    Case(
        "VedetteGpuBusy",
        "told by two processes",
        {_GPU % "a:8000": "0.91x20", _GPU % "b:8000": "0.91x20"},
        "15m",
        {"site": "plant", "node": "n1", "gpu": "0", "product": "L4"},
        "GPU 0 (L4) is busy 91% of the time",
    ),
    Case("VedetteGpuBusy", "a peak", {_GPU % "a:8000": "0.5 0.99x8 0.5x10"}, "15m"),
    Case(
        "VedetteModelLoadFailed",
        "the first failure of a process",
        {_LOAD: "_x5 1x20"},
        "8m",
        {"site": "plant", "model": "coco", "version": "2.0.0", "reason": "unusable"},
        "coco 2.0.0 could not be loaded: unusable",
    ),
    Case("VedetteModelLoadFailed", "long ago", {_LOAD: "1x60"}, "50m"),
    Case(
        "VedetteDeadLetters",
        "one more",
        {_SINK % "dead": "3x20 4x20", _SINK % "delivered": "0+10x40"},
        "25m",
        {"site": "plant", "sink": "alarm"},
        "Events for alarm became dead letters",
    ),
    Case("VedetteDeadLetters", "all are delivered", {_SINK % "delivered": "0+10x40", _SINK % "dead": "0x40"}, "25m"),
    Case(
        "VedetteBusDisconnected",
        "for minutes",
        {_BUS: "1 0x10"},
        "4m",
        {"site": "plant", "instance": "a:8080"},
        "a:8080 is not connected to NATS",
    ),
    Case("VedetteBusDisconnected", "back at once", {_BUS: "1 0 1x10"}, "4m"),
    Case(
        "VedetteLeaseChurn",
        "one a minute",
        {_LEASE % "lost": "0+1x20"},
        "15m",
        {"site": "plant", "of": "camera"},
        "Leases of cameras are lost again and again",
    ),
    Case("VedetteLeaseChurn", "a gateway started", {_LEASE % "taken": "0 60x20", _LEASE % "lost": "0 1x20"}, "15m"),
    Case(
        "VedetteCertificateExpires",
        "in ten days",
        {_CERTIFICATE: f"{10 * 86400}x200"},
        "2h",
        {"site": "plant", "instance": "a:8000", "certificate": "serving"},
        "The certificate serving of a:8000 ends in 9d 22h 0m 0s",
    ),
    Case("VedetteCertificateExpires", "in ninety days", {_CERTIFICATE: f"{90 * 86400}x200"}, "2h"),
)
