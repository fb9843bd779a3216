"""The streams: which subjects each keeps, how long, and how much of them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StoreCompression,
    StreamConfig,
    StreamSource,
    SubjectTransform,
)

from vedette.config.bus_settings import Retention
from vedette.subjects import PARTITIONS

FRAMES, WORK, CLIPS, PICTURES, DETECTIONS, STATUS = "FRAMES", "WORK", "CLIPS", "PICTURES", "DETECTIONS", "STATUS"
TRACK, EVENTS, DEAD, AUDIT = "TRACK", "EVENTS", "DEAD", "AUDIT"
CROPS = "CROPS"
SNAPSHOTS = "vedette-snapshots"
"""Object store: the JPEGs that events refer to by sha256. See `vedette/snapshots/store.py`."""
CLIPS_IN_FLIGHT = 8
"""Frames of a recording on the bus at a time; readers restore order within this bound."""
LIVE_FRAME_MAX_AGE_S = 5.0
CROP_MAX_AGE_S = 60.0
"""What was asked of a further model and not answered is over after so long, whatever its budget."""
TRACK_MAX_AGE_S = 60.0
MIB = 2**20
GIB = 2**30


def streams(
    retention: Retention, replicas: int = 1, local_sites: Sequence[str] | None = None
) -> tuple[StreamConfig, ...]:
    """The streams, as they are ensured at start and after every reconnect (memory streams die with their server).

    At a hub, detections and events of `local_sites` are published; those of others are sourced from their servers
    (`vedette/site/`), and what of them crosses as it happens is not to be stored here a second time.
    """
    every = (
        _frames(retention),
        _work(),
        _clips(retention),
        _crops(retention),
        _pictures(retention),
        _detections(retention, local_sites),
        _status(),
        _events(retention, local_sites),
        _dead_letters(retention),
        _snapshots(retention),
        _audit(retention),
    )
    return tuple(stream.evolve(num_replicas=replicas) for stream in every)


def _frames(retention: Retention) -> StreamConfig:
    """The newest frame of each camera and pipeline."""
    return StreamConfig(
        name=FRAMES,
        subjects=["vedette.frame.>"],
        storage=StorageType.MEMORY,
        max_msgs_per_subject=1,
        max_age=LIVE_FRAME_MAX_AGE_S,
        max_bytes=retention.frames_mib * MIB,
        allow_direct=True,
        duplicate_window=0.1,
    )


def _work() -> StreamConfig:
    """A token for each camera and pipeline that has a frame."""
    return StreamConfig(
        name=WORK,
        subjects=["vedette.work.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.MEMORY,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=1,
        max_age=LIVE_FRAME_MAX_AGE_S,
        max_bytes=16 * MIB,
        duplicate_window=0.1,
    )


def _clips(retention: Retention) -> StreamConfig:
    """Frames of recordings, until they are inferred."""
    return StreamConfig(
        name=CLIPS,
        subjects=["vedette.clip.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=CLIPS_IN_FLIGHT,
        max_age=3600,
        max_bytes=retention.clips_mib * MIB,
        duplicate_window=120,
    )


def _crops(retention: Retention) -> StreamConfig:
    """Parts of frames that a further model is asked about."""
    return StreamConfig(
        name=CROPS,
        subjects=["vedette.crop.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.MEMORY,
        discard=DiscardPolicy.NEW,
        max_age=CROP_MAX_AGE_S,
        max_bytes=retention.crops_mib * MIB,
        duplicate_window=0.1,
    )


def _pictures(retention: Retention) -> StreamConfig:
    """Frames that were inferred, for snapshots."""
    return StreamConfig(
        name=PICTURES,
        subjects=["vedette.picture.>"],
        storage=StorageType.MEMORY,
        max_age=retention.pictures_s,
        max_bytes=retention.pictures_mib * MIB,
        allow_direct=True,
        duplicate_window=0.1,
    )


def _detections(retention: Retention, local_sites: Sequence[str] | None) -> StreamConfig:
    """What was detected."""
    return StreamConfig(
        name=DETECTIONS,
        subjects=_published("detections", local_sites),
        storage=StorageType.FILE,
        max_age=retention.detections_h * 3600,
        max_bytes=int(retention.detections_gib * GIB),
        compression=StoreCompression.S2,
        allow_direct=local_sites is not None,
        duplicate_window=min(120, retention.detections_h * 3600),
    )


def _status() -> StreamConfig:
    """What each camera said last of itself."""
    return StreamConfig(
        name=STATUS,
        subjects=["vedette.status.>"],
        storage=StorageType.MEMORY,
        max_msgs_per_subject=1,
        max_age=30,
        max_bytes=16 * MIB,
        allow_direct=True,
        duplicate_window=0.1,
    )


def _events(retention: Retention, local_sites: Sequence[str] | None) -> StreamConfig:
    """What became of it."""
    return StreamConfig(
        name=EVENTS,
        subjects=_published("events", local_sites),
        storage=StorageType.FILE,
        max_age=retention.events_days * 24 * 3600,
        max_bytes=int(retention.events_gib * GIB),
        compression=StoreCompression.S2,
        allow_direct=local_sites is not None,
        duplicate_window=min(120, retention.events_days * 24 * 3600),
    )


def _published(noun: str, local_sites: Sequence[str] | None) -> list[str]:
    return [f"vedette.{noun}.>"] if local_sites is None else [f"vedette.{noun}.{site}.>" for site in local_sites]


def _dead_letters(retention: Retention) -> StreamConfig:
    return StreamConfig(
        name=DEAD,
        subjects=["vedette.dead.>"],
        storage=StorageType.FILE,
        max_age=retention.dead_days * 24 * 3600,
        max_bytes=retention.dead_mib * MIB,
        compression=StoreCompression.S2,
        allow_direct=True,
        duplicate_window=120,
    )


def _audit(retention: Retention) -> StreamConfig:
    """Nobody deletes or purges what is in it, whatever a permission says: that is a setting that can't be changed."""
    return StreamConfig(
        name=AUDIT,
        subjects=["vedette.audit.*"],
        storage=StorageType.FILE,
        max_age=retention.audit_days * 24 * 3600,
        max_bytes=retention.audit_mib * MIB,
        compression=StoreCompression.S2,
        duplicate_window=120,
        deny_delete=True,
        deny_purge=True,
    )


def _snapshots(retention: Retention) -> StreamConfig:
    """The object store `vedette-snapshots` as the stream that it is (NATS ADR-20), with an index of its own beside
    chunks and descriptions: each subject has one message, and what is old goes, or what is too much.
    """
    return AtomicStreamConfig(
        name=f"OBJ_{SNAPSHOTS}",
        subjects=[f"$O.{SNAPSHOTS}.{part}.>" for part in ("C", "M", "I", "H")],
        storage=StorageType.FILE,
        max_msgs_per_subject=1,
        max_age=retention.snapshots_days * 24 * 3600,
        max_bytes=int(retention.snapshots_gib * GIB),
        allow_rollup_hdrs=True,
        allow_direct=True,
        allow_atomic=True,
    )


def track_stream(retention: Retention, replicas: int, since: dt.datetime) -> StreamConfig:
    """The detections by partition, from those that were stored at `since` on.

    It dies with a lone server, as it lies in memory; without `since` it would begin with the oldest detections kept.
    """
    transform = SubjectTransform(
        src="vedette.detections.*.*.*",
        dest=f"vedette.track.{{{{partition({PARTITIONS},1,2)}}}}.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}.{{{{wildcard(3)}}}}",
    )
    return StreamConfig(
        name=TRACK,
        storage=StorageType.MEMORY,
        sources=[StreamSource(name=DETECTIONS, opt_start_time=since, subject_transforms=[transform])],
        max_age=TRACK_MAX_AGE_S,
        max_bytes=retention.track_mib * MIB,
        allow_direct=True,
        duplicate_window=0.1,
        num_replicas=replicas,
    )


@dataclass
class AtomicStreamConfig(StreamConfig):
    """With a setting that the library doesn't know yet (nats-py 2.16)."""

    allow_atomic: bool | None = None


def stream_of(subject: str) -> str:
    """The stream that keeps the events of `subject`.

    Raises:
        ValueError: no single stream does.
    """
    for stream, prefix in ((DETECTIONS, "detections"), (EVENTS, "events"), (STATUS, "status")):
        if subject.startswith(f"vedette.{prefix}."):
            return stream
    raise ValueError(f"{subject}: no stream keeps it; vedette.{{detections,events,status}}.… are kept")
