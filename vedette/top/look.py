"""What all processes together say: the rows of `vedette top`. Pure. Times are milliseconds, rates a second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vedette.top.differences import Distribution, Key, Window, distributions, gauges, rates

_OF_A_FRAME = "vedette_frame_stage_seconds"
STAGES = (
    ("decode", _OF_A_FRAME, "decode"),
    ("encode", _OF_A_FRAME, "encode"),
    ("publish", _OF_A_FRAME, "publish"),
    ("prepare", _OF_A_FRAME, "prepare"),
    ("queue", "vedette_batch_queue_seconds", ""),
    ("infer", "model_inference_latency_seconds", ""),
    ("store", _OF_A_FRAME, "store"),
    ("total", "vedette_capture_to_detection_seconds", ""),
    ("events", "vedette_events_lag_seconds", ""),
)
"""In the order of a frame's way: the row, its histogram, and which of its stages."""
_CAMERA = ("camera",)
_MODEL = ("model",)


@dataclass(frozen=True, slots=True)
class Process:
    """One process, or one that decodes for a gateway."""

    name: str
    address: str
    cpu: float | None
    """Cores. None: not known yet, or never."""
    memory_mib: float | None
    away: str | None = None
    """Why it does not answer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage of a frame's way takes."""

    name: str
    per_s: float
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Camera:
    """What is done with a camera."""

    name: str
    up: bool | None
    received_per_s: float
    sampled_per_s: float
    inferred_per_s: float
    age_ms: float | None
    """Of the latest frame when its detections were stored."""
    superseded_share: float | None
    """Of the frames sampled; None: none was."""
    dropped_per_s: float
    """Expired frames too."""
    cpu: float | None
    """Cores that reading and decoding take."""


@dataclass(frozen=True, slots=True)
class Model:
    """How a model does."""

    name: str
    versions: str
    pictures_per_s: float
    batches_per_s: float
    batch: float | None
    """Pictures a batch, on average."""
    queue_p95_ms: float | None
    infer_p50_ms: float | None
    infer_p95_ms: float | None
    age_p95_ms: float | None
    """Of frames when their inference begins."""
    busy: float | None
    """Share of the time of all sessions."""
    protocols: Mapping[str, float]
    """Requests, frames and crops a second, by how they came."""


@dataclass(frozen=True, slots=True)
class Look:
    """All of it."""

    processes: Sequence[Process]
    stages: Sequence[Stage]
    cameras: Sequence[Camera]
    models: Sequence[Model]


def look(windows: Sequence[Window], processes: Sequence[Process]) -> Look:
    """What these windows say; `processes` is shown as it is."""
    return Look(processes, _stages(windows), _cameras(windows), _models(windows))


def process(name: str, address: str, window: Window) -> list[Process]:
    """A process that answers, and those that decode for it."""
    used = rates([window], "process_cpu_seconds_total") if window.before is not None else {}
    memory = window.after.value("process_resident_memory_bytes")
    own = Process(name, address, used.get(()), None if memory is None else memory / 2**20)
    load = gauges([window], "vedette_decode_process_load", ("process",))
    beside = [Process(f"{name} {number}", "", values[0], None) for (number,), values in sorted(load.items())]
    return [own, *beside]


def _stages(windows: Sequence[Window]) -> list[Stage]:
    by_stage = distributions(windows, _OF_A_FRAME, ("stage",))
    found = []
    for name, metric, stage in STAGES:
        taken = by_stage.get((stage,)) if stage else distributions(windows, metric).get(())
        if taken is not None:
            found.append(Stage(name, taken.count, _ms(taken.mean), _ms(taken.quantile(0.5)), _ms(taken.quantile(0.95))))
    return found


def _cameras(windows: Sequence[Window]) -> list[Camera]:
    up = gauges(windows, "vedette_camera_up", _CAMERA)
    age = gauges(windows, "vedette_camera_frame_age_seconds", _CAMERA)
    kinds = ("received", "sampled", "inferred", "superseded", "expired", "dropped")
    frames = {kind: rates(windows, f"vedette_frames_{kind}_total", _CAMERA) for kind in kinds}
    cpu = rates(windows, "vedette_camera_decode_cpu_seconds_total", _CAMERA)
    names = {*up, *(key for kind in frames.values() for key in kind)} - {("",)}

    def camera(key: Key) -> Camera:
        each = {kind: found.get(key, 0.0) for kind, found in frames.items()}
        return Camera(
            name=key[0],
            up=any(up[key]) if key in up else None,
            received_per_s=each["received"],
            sampled_per_s=each["sampled"],
            inferred_per_s=each["inferred"],
            age_ms=_ms(max(age.get(key, [0.0])) or None),  # 0: no frame was answered yet
            superseded_share=each["superseded"] / each["sampled"] if each["sampled"] else None,
            dropped_per_s=each["dropped"] + each["expired"],
            cpu=cpu.get(key),
        )

    return [camera(key) for key in sorted(names)]


def _models(windows: Sequence[Window]) -> list[Model]:
    sessions = gauges(windows, "vedette_sessions_in_service", ("model", "version"))
    infer = distributions(windows, "model_inference_latency_seconds", _MODEL)
    queue = distributions(windows, "vedette_batch_queue_seconds", _MODEL)
    batch = distributions(windows, "vedette_batch_size", _MODEL)
    age = distributions(windows, "vedette_frame_age_seconds", _MODEL)
    asked = rates(windows, "vedette_inference_requests_total", ("model", "protocol"))

    def model(name: str) -> Model:
        key, none = (name,), Distribution()
        in_service = sum(sum(values) for (of, _), values in sessions.items() if of == name)
        took = infer.get(key, none)
        return Model(
            name=name,
            versions=", ".join(sorted(version for of, version in sessions if of == name)),
            pictures_per_s=batch.get(key, none).sum,
            batches_per_s=took.count,
            batch=batch.get(key, none).mean,
            queue_p95_ms=_ms(queue.get(key, none).quantile(0.95)),
            infer_p50_ms=_ms(took.quantile(0.5)),
            infer_p95_ms=_ms(took.quantile(0.95)),
            age_p95_ms=_ms(age.get(key, none).quantile(0.95)),
            busy=took.sum / in_service if in_service and key in infer else None,
            protocols={protocol: rate for (of, protocol), rate in sorted(asked.items()) if of == name and rate},
        )

    return [model(name) for name in sorted({of for of, _ in sessions} | {key[0] for key in infer})]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
