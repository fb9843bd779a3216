"""The KV buckets. (The object store of snapshots is a stream of its own: `vedette/streams.py`.)"""

from nats.js.api import DiscardPolicy, StorageType, StoreCompression, StreamConfig

from vedette.streams import MIB, AtomicStreamConfig

CAMERAS, MEMBERS, LEASES = "vedette-cameras", "vedette-members", "vedette-leases"
ROLLOUTS = "vedette-rollouts"
"""KV buckets: desired cameras, live members, who owns which camera, and by model which of its versions serve."""
SCENES = "vedette-scenes"
"""KV bucket: what events workers know of the cameras of each partition, and up to which detections."""
IDENTITIES = "vedette-identities"
"""KV bucket: enrolled people, `<gallery>.<person>`, sealed."""
MEMBERSHIP_TTL_S = 2.0
"""A lease or a member's heartbeat that is not renewed for so long is gone."""


def scenes_key(partition: int) -> str:
    """Key in `vedette-scenes` of up to where a partition's detections are in its scenes, and their events stored."""
    return f"p{partition}"


def buckets(replicas: int = 1) -> tuple[StreamConfig, ...]:
    """The KV buckets as the streams they are (NATS ADR-8): in files always, because fencing lives in their revisions.

    An expired key leaves a marker for a second (ADR-43), which tells watchers; a marker has a revision too.
    Cameras are kept for ever, and several change at once or none (ADR-50). Roll-outs are kept with their last changes.
    Of a person nothing older than the last change is kept.
    """
    cameras = AtomicStreamConfig(
        name=f"KV_{CAMERAS}",
        subjects=[f"$KV.{CAMERAS}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=64 * MIB,
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
        max_bytes=4 * MIB,
        allow_rollup_hdrs=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    scenes = AtomicStreamConfig(
        name=f"KV_{SCENES}",
        subjects=[f"$KV.{SCENES}.>"],
        storage=StorageType.FILE,
        compression=StoreCompression.S2,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=256 * MIB,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        allow_atomic=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    identities = AtomicStreamConfig(
        name=f"KV_{IDENTITIES}",
        subjects=[f"$KV.{IDENTITIES}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=512 * MIB,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        allow_atomic=True,
        deny_delete=True,
        num_replicas=replicas,
    )
    return (cameras, *membership, rollouts, scenes, identities)
