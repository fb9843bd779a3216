"""Every subject, stream, consumer and bucket of the system, defined once.

A frame and its token are two messages: `FRAMES` keeps the latest frame of a camera, `WORK` at most one token that
says "this camera has a frame to be served". A worker takes a token, reads the frame as it is then, and acknowledges
the token when the result is stored. So every camera gets its turn, and always with its freshest picture.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StoreCompression,
    StreamConfig,
    StreamSource,
    SubjectTransform,
)

from vedette.bus_settings import Retention
from vedette.errors import MalformedMessage

FRAMES, WORK, CLIPS, PICTURES, DETECTIONS, STATUS = "FRAMES", "WORK", "CLIPS", "PICTURES", "DETECTIONS", "STATUS"
TRACK, EVENTS, DEAD = "TRACK", "EVENTS", "DEAD"
CROPS = "CROPS"
CAMERAS, MEMBERS, LEASES = "vedette-cameras", "vedette-members", "vedette-leases"
ROLLOUTS = "vedette-rollouts"
"""KV buckets: desired cameras, live members, who owns which camera, and by model which of its versions serve."""
SCENES = "vedette-scenes"
"""KV bucket: what events workers know of the cameras of each partition, and up to which detections."""
SNAPSHOTS = "vedette-snapshots"
"""Object store: the JPEGs that events refer to by sha256. See `vedette/snapshot_store.py`."""
IDENTITIES = "vedette-identities"
"""KV bucket: enrolled people, `<gallery>.<person>`, sealed."""
MEMBERSHIP_TTL_S = 2.0
"""A lease or a member's heartbeat that is not renewed for so long is gone."""

CLIPS_IN_FLIGHT = 8
"""Frames of a recording on the bus at a time; readers restore order within this bound."""
DELIVERIES_PER_CLIP = 3
"""At this delivery, and later ones, a frame on which the model fails becomes a message with an error."""
ACK_WAIT_S = 2.0
"""After this long without word from its worker a token or clip is served by another."""
LIVE_FRAME_MAX_AGE_S = 5.0
CROP_MAX_AGE_S = 60.0
"""What was asked of a further model and not answered is over after so long, whatever its budget."""
DELIVERIES_PER_CROP = 3
"""A crop that so many workers took and didn't answer is left alone: it may be what kills them."""
PARTITIONS = 16
"""Of `TRACK`: all detections of a camera are in one."""
TRACK_MAX_AGE_S = 60.0
READER_ACK_WAIT_S = 30.0
"""An event that a durable reader took and did not acknowledge for so long is delivered again."""
_SINK_SUBJECTS = 100
SINK_EVENTS_IN_HAND = 256
"""Events of a sink that are with a worker and not delivered yet, at most."""
_SINK_ACK_WAIT_S = 24 * 3600.0
"""Never: who takes a sink over sets its place back to the first event that is not delivered."""
READER_FORGOTTEN_AFTER_S = 7 * 24 * 3600.0
"""A durable reader's place is kept for so long while it is away, unless the reader asks for another time."""

_MIB = 2**20
_GIB = 2**30


def crop(model: str, site: str, camera: str) -> str:
    """Where a crop of a camera's frame is put for a further model of a cascade."""
    return f"vedette.crop.{model}.{site}.{camera}"


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose frames: one camera's, for one pipeline."""

    pipeline: str
    site: str
    camera: str

    @property
    def frame(self) -> str:
        return f"vedette.frame.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def work(self) -> str:
        return f"vedette.work.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def served(self) -> str:
        return f"vedette.served.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def clip(self) -> str:
        return f"vedette.clip.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def picture(self) -> str:
        return f"vedette.picture.{self.pipeline}.{self.site}.{self.camera}"

    @property
    def detections(self) -> str:
        return f"vedette.detections.{self.site}.{self.camera}.{self.pipeline}"

    @classmethod
    def parse(cls, subject: str) -> "Feed":
        """The feed of a frame, work, served, clip or picture subject.

        Raises:
            MalformedMessage: it is none.
        """
        tokens = subject.split(".")
        if len(tokens) != 5:
            raise MalformedMessage(f"{subject!r} is no subject of a camera's frames")
        return cls(*tokens[2:])


def status(site: str, camera: str) -> str:
    """Where a camera's state is published."""
    return f"vedette.status.{site}.{camera}"


def served_of_site(site: str) -> str:
    """All `served` notes of a site."""
    return f"vedette.served.*.{site}.*"


def hint(site: str, camera: str) -> str:
    """Hints that an object moves before a camera; `*` is any."""
    return f"vedette.hint.{site}.{camera}"


def event(site: str, camera: str, kind: str) -> str:
    """Where the events of a kind (`object.new`) of a camera are published."""
    return f"vedette.events.{site}.{camera}.{kind}"


def events_filter(site: str = "*", camera: str = "*") -> str:
    """Events of all kinds of some cameras; `*` is any."""
    return f"vedette.events.{site}.{camera}.*.*"


def dead(site: str, sink: str) -> str:
    """Where the events are kept that a sink would not take."""
    return f"vedette.dead.{site}.{sink}"


def sink_subjects(site: str, cameras: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Events that a sink is asked about: those of `cameras` and `kinds`, of which none means all.

    The server filters by at most a hundred subjects here; where there would be more, by the kinds only.
    """
    chosen = cameras if 0 < len(cameras) * max(1, len(kinds)) <= _SINK_SUBJECTS else ("*",)
    return [event(site, camera, kind) for camera in dict.fromkeys(chosen) for kind in kinds or ("*.*",)]


def track_filter(partition: int) -> str:
    """A partition's detections."""
    return f"vedette.track.{partition}.>"


def partition_of(site: str, camera: str) -> int:
    """The partition of a camera, as the server's `{{partition(16,1,2)}}` has it: FNV-1a, 32 bits, over both tokens."""
    digest = 0x811C9DC5
    for byte in (site + camera).encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest % PARTITIONS


def scenes_key(partition: int) -> str:
    """Key in `vedette-scenes` of up to where a partition's detections are in its scenes, and their events stored."""
    return f"p{partition}"


def detections_filter(site: str = "*", camera: str = "*", pipeline: str = "*") -> str:
    """Detections of some cameras; `*` is any."""
    return f"vedette.detections.{site}.{camera}.{pipeline}"


def streams(retention: Retention, replicas: int = 1) -> tuple[StreamConfig, ...]:
    """The streams, as they are ensured at start and after every reconnect (memory streams die with their server)."""
    detections = StreamConfig(
        name=DETECTIONS,
        subjects=["vedette.detections.>"],
        storage=StorageType.FILE,
        max_age=retention.detections_h * 3600,
        max_bytes=int(retention.detections_gib * _GIB),
        compression=StoreCompression.S2,
        duplicate_window=120,
    )
    frames = StreamConfig(
        name=FRAMES,
        subjects=["vedette.frame.>"],
        storage=StorageType.MEMORY,
        max_msgs_per_subject=1,
        max_age=LIVE_FRAME_MAX_AGE_S,
        max_bytes=retention.frames_mib * _MIB,
        allow_direct=True,
        duplicate_window=0.1,
    )
    work = StreamConfig(
        name=WORK,
        subjects=["vedette.work.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.MEMORY,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=1,
        max_age=LIVE_FRAME_MAX_AGE_S,
        max_bytes=16 * _MIB,
        duplicate_window=0.1,
    )
    clips = StreamConfig(
        name=CLIPS,
        subjects=["vedette.clip.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=CLIPS_IN_FLIGHT,
        max_age=3600,
        max_bytes=retention.clips_mib * _MIB,
        duplicate_window=120,
    )
    crops = StreamConfig(
        name=CROPS,
        subjects=["vedette.crop.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.MEMORY,
        discard=DiscardPolicy.NEW,
        max_age=CROP_MAX_AGE_S,
        max_bytes=retention.crops_mib * _MIB,
        duplicate_window=0.1,
    )
    pictures = StreamConfig(
        name=PICTURES,
        subjects=["vedette.picture.>"],
        storage=StorageType.MEMORY,
        max_age=retention.pictures_s,
        max_bytes=retention.pictures_mib * _MIB,
        allow_direct=True,
        duplicate_window=0.1,
    )
    status_stream = StreamConfig(
        name=STATUS,
        subjects=["vedette.status.>"],
        storage=StorageType.MEMORY,
        max_msgs_per_subject=1,
        max_age=30,
        max_bytes=16 * _MIB,
        allow_direct=True,
        duplicate_window=0.1,
    )
    events = StreamConfig(
        name=EVENTS,
        subjects=["vedette.events.>"],
        storage=StorageType.FILE,
        max_age=retention.events_days * 24 * 3600,
        max_bytes=int(retention.events_gib * _GIB),
        compression=StoreCompression.S2,
        duplicate_window=120,
    )
    every = (
        *(frames, work, clips, crops, pictures, detections, status_stream, events),
        *(_dead_letters(retention), _snapshots(retention)),
    )
    return tuple(stream.evolve(num_replicas=replicas) for stream in every)


def _dead_letters(retention: Retention) -> StreamConfig:
    return StreamConfig(
        name=DEAD,
        subjects=["vedette.dead.>"],
        storage=StorageType.FILE,
        max_age=retention.dead_days * 24 * 3600,
        max_bytes=retention.dead_mib * _MIB,
        compression=StoreCompression.S2,
        allow_direct=True,
        duplicate_window=120,
    )


def _snapshots(retention: Retention) -> StreamConfig:
    """The object store `vedette-snapshots` as the stream that it is (NATS ADR-20), with an index of its own beside
    chunks and descriptions: each subject has one message, and what is old goes, or what is too much.
    """
    return _AtomicStreamConfig(
        name=f"OBJ_{SNAPSHOTS}",
        subjects=[f"$O.{SNAPSHOTS}.{part}.>" for part in ("C", "M", "I", "H")],
        storage=StorageType.FILE,
        max_msgs_per_subject=1,
        max_age=retention.snapshots_days * 24 * 3600,
        max_bytes=int(retention.snapshots_gib * _GIB),
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
        max_bytes=retention.track_mib * _MIB,
        allow_direct=True,
        duplicate_window=0.1,
        num_replicas=replicas,
    )


def buckets(replicas: int = 1) -> tuple[StreamConfig, ...]:
    """The KV buckets as the streams they are (NATS ADR-8): in files always, because fencing lives in their revisions.

    An expired key leaves a marker for a second (ADR-43), which tells watchers; a marker has a revision too.
    Cameras are kept for ever, and several change at once or none (ADR-50). Roll-outs are kept with their last changes.
    Of a person nothing older than the last change is kept.
    """
    cameras = _AtomicStreamConfig(
        name=f"KV_{CAMERAS}",
        subjects=[f"$KV.{CAMERAS}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=64 * _MIB,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        allow_atomic=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    membership = (
        StreamConfig(
            name=f"KV_{bucket}",
            subjects=[f"$KV.{bucket}.>"],
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_msgs_per_subject=1,
            max_age=MEMBERSHIP_TTL_S,
            duplicate_window=MEMBERSHIP_TTL_S,
            allow_rollup_hdrs=True,
            allow_msg_ttl=True,
            deny_delete=True,
            subject_delete_marker_ttl=1,
            num_replicas=replicas,
        )
        for bucket in (MEMBERS, LEASES)
    )
    rollouts = StreamConfig(
        name=f"KV_{ROLLOUTS}",
        subjects=[f"$KV.{ROLLOUTS}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=16,
        max_bytes=4 * _MIB,
        allow_rollup_hdrs=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    scenes = _AtomicStreamConfig(
        name=f"KV_{SCENES}",
        subjects=[f"$KV.{SCENES}.>"],
        storage=StorageType.FILE,
        compression=StoreCompression.S2,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=256 * _MIB,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        allow_atomic=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    identities = _AtomicStreamConfig(
        name=f"KV_{IDENTITIES}",
        subjects=[f"$KV.{IDENTITIES}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=512 * _MIB,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        allow_atomic=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    return (cameras, *membership, rollouts, scenes, identities)


@dataclass
class _AtomicStreamConfig(StreamConfig):
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


def reader_consumer(durable: str, subject: str, forget_after_s: float = READER_FORGOTTEN_AFTER_S) -> ConsumerConfig:
    """A reader's place in a stream: from the oldest message kept; forgotten when it was away for `forget_after_s`."""
    return ConsumerConfig(
        durable_name=durable,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=READER_ACK_WAIT_S,
        max_deliver=-1,
        inactive_threshold=forget_after_s,
    )


def sink_name(site: str, sink: str) -> str:
    """Of the consumer that is a sink's place."""
    return f"s-{site}-{sink}"


def sink_consumer(site: str, sink: str, subjects: Sequence[str]) -> ConsumerConfig:
    """A sink's place in the stream of events: from what comes after it was made; forgotten after a week unused."""
    return ConsumerConfig(
        durable_name=sink_name(site, sink),
        filter_subjects=list(subjects),
        deliver_policy=DeliverPolicy.NEW,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=_SINK_ACK_WAIT_S,
        max_deliver=-1,
        max_ack_pending=SINK_EVENTS_IN_HAND,
        inactive_threshold=READER_FORGOTTEN_AFTER_S,
    )


def work_consumer(pipeline: str) -> ConsumerConfig:
    """The tokens of a pipeline. A token is never given up (`max_deliver` -1): that would block its camera."""
    return _work_queue_consumer(f"w-{pipeline}", f"vedette.work.{pipeline}.>")


def clip_consumer(pipeline: str) -> ConsumerConfig:
    """The frames of recordings for a pipeline."""
    return _work_queue_consumer(f"c-{pipeline}", f"vedette.clip.{pipeline}.>")


def crop_consumer(model: str) -> ConsumerConfig:
    """The crops for a model, of all cameras and pipelines."""
    return _work_queue_consumer(f"x-{model}", f"vedette.crop.{model}.>", DELIVERIES_PER_CROP)


def _work_queue_consumer(name: str, subject: str, max_deliver: int = -1) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=name,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_S,
        max_deliver=max_deliver,
        max_waiting=512,
        max_ack_pending=10_000,
        inactive_threshold=24 * 3600,
    )
