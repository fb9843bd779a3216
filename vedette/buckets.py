"""The KV buckets. (The object store of snapshots is a stream of its own: `vedette/streams.py`.)"""

from typing import Any

from nats.js.api import DiscardPolicy, StorageType, StoreCompression, StreamConfig

from vedette.streams import MIB, AtomicStreamConfig

CAMERAS, MEMBERS, LEASES = "vedette-cameras", "vedette-members", "vedette-leases"
ROLLOUTS = "vedette-rollouts"
"""KV buckets: desired cameras, live members, who owns which camera, and by model which of its versions serve."""
SCENES = "vedette-scenes"
"""KV bucket: what events workers know of the cameras of each partition, and up to which detections."""
IDENTITIES = "vedette-identities"
"""KV bucket: enrolled people, `<gallery>.<person>`, sealed."""
SITES = "vedette-sites"
"""KV bucket of a hub: up to where it has the streams of each site, and what of them is lost."""
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
    for_ever = {"max_msgs_per_subject": 1, "allow_msg_ttl": True, "allow_atomic": True}
    alive = {
        "max_msgs_per_subject": 1,
        "max_age": MEMBERSHIP_TTL_S,
        "duplicate_window": MEMBERSHIP_TTL_S,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": 1,
    }
    every = (
        _bucket(CAMERAS, max_bytes=64 * MIB, **for_ever),
        _bucket(MEMBERS, **alive),
        _bucket(LEASES, **alive),
        _bucket(ROLLOUTS, max_bytes=4 * MIB, max_msgs_per_subject=16),
        _bucket(SCENES, max_bytes=256 * MIB, compression=StoreCompression.S2, **for_ever),
        _bucket(IDENTITIES, max_bytes=512 * MIB, **for_ever),
        _bucket(SITES, max_bytes=4 * MIB, max_msgs_per_subject=1),
    )
    return tuple(bucket.evolve(num_replicas=replicas) for bucket in every)


def _bucket(name: str, **settings: Any) -> StreamConfig:
    return AtomicStreamConfig(
        name=f"KV_{name}",
        subjects=[f"$KV.{name}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        allow_rollup_hdrs=True,
        deny_delete=True,
        **settings,
    )
