"""What an events worker counts. `camera` is a live camera's name, or `recording` for all recordings."""

from collections import Counter as Counts
from contextlib import suppress

from prometheus_client import Counter, Gauge, Histogram

from events.scenes.camera_scene import CameraScene

RECORDING = "recording"
"""Each recording has a camera of its own, `<name>-<run>`, whose series would stay."""

DETECTIONS = Counter("vedette_events_detections", "Detections messages taken in.", ["camera"])
EVENTS = Counter("vedette_events", "Events published, by kind.", ["camera", "kind"])
OBJECTS = Counter("vedette_object_events", "Events of objects, by kind and label.", ["kind", "label"])
PLACES = Counter("vedette_place_events", "Events of zones and lines, by camera and place.", ["camera", "kind", "place"])
REPEATED = Counter("vedette_events_repeated", "Events that a predecessor had published already.")
HINTS = Counter("vedette_hints", "Times that a gateway was told that an object moves before a camera.")
LEFT_OUT = Counter(
    "vedette_events_left_out",
    "Detections, or whole messages of them, that made no difference, by reason.",
    ["reason"],
)
LAG = Histogram(
    "vedette_events_lag_seconds",
    "From the server's storing of detections to its storing of the events that follow from them.",
    buckets=(0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
DEFECTS = Counter("vedette_events_defects", "Internal errors of a scene, which began anew.")
OCCUPANCY = Gauge("vedette_zone_occupancy", "Objects in a zone.", ["site", "camera", "pipeline", "zone"])
PARTITIONS = Gauge("vedette_partitions_held", "Partitions whose lease this worker holds.")
TAKEOVERS = Counter("vedette_partition_takeovers", "Times that a partition was taken, or begun again.")
SINK_EVENTS = Counter("vedette_sink_events", "Events that a sink is done with: delivered or dead.", ["sink", "outcome"])
SINK_RETRIES = Counter("vedette_sink_retries", "Attempts that failed and are made again.", ["sink"])
SINK_WAITING = Gauge("vedette_sink_waiting_events", "Events that a sink has still to get.", ["sink"])
SINK_LAG = Gauge("vedette_sink_lag_seconds", "Since the storing of the oldest event that waits for its sink.", ["sink"])
SNAPSHOTS = Counter(
    "vedette_snapshots",
    "Pictures of objects that were chosen, by what became of them: stored, or why not.",
    ["outcome"],
)
SNAPSHOT_SECONDS = Histogram(
    "vedette_snapshot_seconds",
    "To read, cut out and store a picture's objects.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SAVES = Counter("vedette_partition_saves", "Saves of a partition, by outcome.", ["outcome"])


def camera_label(scene: CameraScene) -> str:
    """How the scene's camera is called here."""
    return scene.key.camera if scene.recording is None else RECORDING


def count(scene: CameraScene) -> None:
    """Detections of `scene` were taken in."""
    DETECTIONS.labels(camera_label(scene)).inc()
    left_out: Counts[str] = scene.scene.counts
    if scene.recording is not None:
        left_out.update({"repeated": scene.recording.doubled, "given up": scene.recording.missing})
        scene.recording.doubled = scene.recording.missing = 0
    for reason, number in left_out.items():
        LEFT_OUT.labels(reason).inc(number)
    left_out.clear()
    if scene.recording is None:
        for zone, inside in scene.scene.occupancy.items():
            OCCUPANCY.labels(*scene.key, zone).set(inside)


def count_event(camera: str, kind: str, label: str | None, place: str | None) -> None:
    """An event was published; of an object with this label, about this zone or line, where there are such."""
    EVENTS.labels(camera, kind).inc()
    if label is not None:
        OBJECTS.labels(kind, label).inc()
    if place is not None:
        PLACES.labels(camera, kind, place).inc()


def forget(scene: CameraScene) -> None:
    """`scene` is another worker's now, or gone."""
    for zone in scene.scene.occupancy:
        with suppress(KeyError):
            OCCUPANCY.remove(*scene.key, zone)
