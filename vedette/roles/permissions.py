"""What each role may publish and subscribe to on the bus: the one place that says so.

From it come the users of the embedded server, of `vedette roles`, of compose and of the chart (`python -m
vedette.roles`). JetStream is asked by publishing, too: a role may ask only about the streams named here. The server
looks at whole tokens of a subject, so nothing can be allowed by the beginning of a name.

What a permission can't express: who may make a consumer, or read a message, chooses where the answer goes, and the
server does not look at that subject (docs/threat-model.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from vedette.buckets import CAMERAS, IDENTITIES, LEASES, MEMBERS, ROLLOUTS, SCENES, SITES, buckets
from vedette.config.bus_settings import Retention
from vedette.consumers import sink_name
from vedette.streams import (
    AUDIT,
    CLIPS,
    CROPS,
    DEAD,
    DETECTIONS,
    EVENTS,
    FRAMES,
    PICTURES,
    SNAPSHOTS,
    STATUS,
    TRACK,
    WORK,
    streams,
)

Role = Literal["gateway", "inference", "events", "subscriber", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
CHANGES_STREAMS: frozenset[Role] = frozenset({"events", "operator"})
"""Who may change the settings of streams. The others, which read what strangers send, make them where there are none.
"""
_OBJECTS = f"OBJ_{SNAPSHOTS}"
_KEPT = tuple(str(one.name) for one in (*streams(Retention()), *buckets()))
_API = "$JS.API"


@dataclass(frozen=True, slots=True)
class Place:
    """What the permissions are for."""

    site: str = "*"
    """`*`: all sites of the server."""
    sinks: tuple[str, ...] = ()
    """Webhooks of the site: their places in the stream of events are the events workers' alone."""
    models: str | None = None
    """The bucket of models, where they lie on the bus."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects, with wildcards. What is denied goes before what is allowed."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    deny_publish: tuple[str, ...] = ()
    answers: bool = False
    """Once to each question that reaches it, wherever the answer goes."""


def inbox_of(role: Role) -> str:
    """Where answers to a role come: nobody else may listen there."""
    return f"_INBOX.{role}"


def role_of_user(name: str | None) -> Role:
    """Of a user that `vedette up` or `vedette roles` made (`operator`, `operator-1f3a9c`); of another, subscriber."""
    return next((role for role in ROLES if role == (name or "").partition("-")[0]), "subscriber")


def permissions_of(role: Role, place: Place) -> Permissions:
    """The least with which a role works."""
    publish, subscribe = _RULES[role](place)
    denied = _places_of_sinks(place) if role == "subscriber" else ()
    listens = _sorted([*subscribe, f"{inbox_of(role)}.>"])
    return Permissions(_sorted(publish), listens, _sorted(denied), answers=role == "gateway")


def _sorted(subjects: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(subjects)))


_Rules = tuple[list[str], list[str]]
"""What may be published, and subscribed to."""


def _gateway(place: Place) -> _Rules:
    site = place.site
    publish = [
        *_keeps(),
        *(f"vedette.{kind}.*.{site}.*" for kind in ("frame", "work")),
        f"vedette.status.{site}.*",
        f"vedette.audit.{site}",
        *(f"$KV.{bucket}.{site}.*" for bucket in (CAMERAS, MEMBERS, LEASES)),
        *_follows(CAMERAS, MEMBERS, LEASES, ROLLOUTS, IDENTITIES),
        *_consumes(EVENTS),
        *(subject for stream in (FRAMES, PICTURES, STATUS, _OBJECTS) for subject in _direct(stream)),
        f"{_API}.STREAM.PURGE.{_OBJECTS}",
    ]
    subscribe = [
        f"vedette.served.*.{site}.*",
        f"vedette.hint.{site}.*",
        f"vedette.still.{site}.*",
        f"vedette.status.{site}.*",
        f"vedette.events.{site}.*.*.*",
        f"vedette.detections.{site}.*.*",
    ]
    return publish, subscribe


def _inference(place: Place) -> _Rules:
    site = place.site
    publish = [
        *_keeps(),
        *(f"vedette.{kind}.*.{site}.*" for kind in ("served", "picture", "crop")),
        f"vedette.detections.{site}.*.*",
        f"vedette.audit.{site}",
        f"{inbox_of('inference')}.>",  # what was asked about a crop is answered by another worker
        f"$KV.{MEMBERS}.{site}.*",
        f"$KV.{ROLLOUTS}.>",
        f"$KV.{IDENTITIES}.>",
        *_follows(MEMBERS, ROLLOUTS, IDENTITIES),
        *(subject for stream in (WORK, CLIPS, CROPS) for subject in _consumes(stream)),
        *(subject for stream in (FRAMES, _OBJECTS) for subject in _direct(stream)),
        f"{_API}.STREAM.PURGE.{_OBJECTS}",  # of who is removed from a gallery
        *(_reads(f"OBJ_{place.models}") if place.models else ()),
    ]
    return publish, []


def _events(place: Place) -> _Rules:
    site = place.site
    publish = [
        *_keeps(),
        *_changes(),
        *(f"{_API}.STREAM.{verb}.{TRACK}" for verb in ("CREATE", "UPDATE", "INFO")),
        f"vedette.events.{site}.*.*.*",
        f"vedette.hint.{site}.*",
        f"vedette.still.{site}.*",
        f"vedette.dead.{site}.*",
        f"$O.{SNAPSHOTS}.>",
        f"$KV.{MEMBERS}.{site}.*",
        f"$KV.{LEASES}.TRACK.*",
        f"$KV.{LEASES}.SINK.>",
        f"$KV.{SCENES}.>",
        *_follows(CAMERAS, MEMBERS, LEASES, SCENES),
        *(subject for stream in (DETECTIONS, TRACK, EVENTS) for subject in _consumes(stream)),
        f"{_API}.CONSUMER.RESET.{EVENTS}.*",
        f"{_API}.STREAM.MSG.GET.{EVENTS}",
        *(subject for stream in (TRACK, PICTURES, _OBJECTS) for subject in _direct(stream)),
        f"{_API}.STREAM.PURGE.{_OBJECTS}",  # a record that names somebody takes the place of one that doesn't
    ]
    return publish, []


def _subscriber(place: Place) -> _Rules:
    kept = (DETECTIONS, EVENTS, STATUS)
    publish = [
        *(f"{_API}.STREAM.INFO.{stream}" for stream in kept),
        *(subject for stream in kept for subject in _reads_durably(stream)),
        *_direct(STATUS),
    ]
    return publish, [f"vedette.{kind}.>" for kind in ("detections", "events", "status")]


def _operator(place: Place) -> _Rules:
    site = place.site
    publish = [
        *_keeps(),
        *_changes(),
        f"{_API}.INFO",
        f"{_API}.STREAM.NAMES",
        f"{_API}.STREAM.LIST",
        f"{_API}.STREAM.INFO.{TRACK}",
        f"vedette.clip.*.{site}.*",
        f"vedette.audit.{site}",
        *(f"$KV.{bucket}.>" for bucket in (CAMERAS, ROLLOUTS, IDENTITIES)),
        *_follows(CAMERAS, MEMBERS, LEASES, ROLLOUTS, SCENES, IDENTITIES),
        *(subject for stream in (DETECTIONS, EVENTS, STATUS, DEAD, AUDIT) for subject in _consumes(stream)),
        *(f"{_API}.STREAM.MSG.GET.{stream}" for stream in (DETECTIONS, EVENTS, STATUS, DEAD, AUDIT)),
        *(subject for stream in (DETECTIONS, EVENTS, STATUS, DEAD, _OBJECTS) for subject in _direct(stream)),
        f"{_API}.STREAM.MSG.DELETE.{DEAD}",
        f"{_API}.STREAM.PURGE.{CLIPS}",
        f"{_API}.STREAM.PURGE.{_OBJECTS}",
        *(_models(place.models) if place.models else ()),
        *(_hub() if site == "*" else ()),
    ]
    return publish, [f"vedette.{kind}.>" for kind in ("detections", "events", "status", "served", "audit")]


_RULES = {
    "gateway": _gateway,
    "inference": _inference,
    "events": _events,
    "subscriber": _subscriber,
    "operator": _operator,
}


def _hub() -> list[str]:
    """The hub process looks at its own streams, keeps what it knows of sites, and asks their servers what they hold."""
    return [
        *(subject for stream in (DETECTIONS, EVENTS) for subject in _direct(stream)),
        *(f"$JS.*.API.STREAM.INFO.{stream}" for stream in (DETECTIONS, EVENTS)),
        f"$KV.{SITES}.*",
        *_follows(SITES),
    ]


def _keeps() -> list[str]:
    """Streams and buckets are made where there are none, and looked at. Flow control of consumers is answered."""
    return [*(f"{_API}.STREAM.{verb}.{name}" for name in _KEPT for verb in ("CREATE", "INFO")), "$JS.FC.>"]


def _changes() -> list[str]:
    return [f"{_API}.STREAM.UPDATE.{name}" for name in _KEPT]


def _follows(*names: str) -> list[str]:
    """Keys of these buckets are read and followed."""
    return [subject for name in names for subject in _reads(f"KV_{name}")]


def _reads(stream: str) -> list[str]:
    """All of a stream, by consumers that acknowledge nothing, or message by message."""
    consumers = [subject for subject in _consumes(stream) if not subject.startswith("$JS.ACK")]
    return [*consumers, *_direct(stream), f"{_API}.STREAM.MSG.GET.{stream}"]


def _consumes(stream: str) -> list[str]:
    """By consumers of any name, which are made, read from and left."""
    return [
        f"{_API}.STREAM.INFO.{stream}",
        *_reads_durably(stream),
        f"{_API}.CONSUMER.DELETE.{stream}.*",
    ]


def _reads_durably(stream: str) -> list[str]:
    return [
        f"{_API}.CONSUMER.CREATE.{stream}",
        f"{_API}.CONSUMER.CREATE.{stream}.>",
        f"{_API}.CONSUMER.DURABLE.CREATE.{stream}.*",
        f"{_API}.CONSUMER.INFO.{stream}.*",
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.*",
        f"$JS.ACK.{stream}.>",
    ]


def _direct(stream: str) -> list[str]:
    return [f"{_API}.DIRECT.GET.{stream}", f"{_API}.DIRECT.GET.{stream}.>"]


def _models(bucket: str) -> list[str]:
    stream = f"OBJ_{bucket}"
    verbs = [f"{_API}.STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE", "PURGE")]
    return [*_reads(stream), *verbs, f"$O.{bucket}.>"]


def _places_of_sinks(place: Place) -> list[str]:
    """A sink's place is known by its name: a subscriber must not read on from there, nor move it."""
    names = [sink_name(place.site, sink) for sink in place.sinks] if place.site != "*" else []
    return [
        subject
        for name in names
        for subject in (
            f"{_API}.CONSUMER.CREATE.{EVENTS}.{name}",
            f"{_API}.CONSUMER.CREATE.{EVENTS}.{name}.>",
            f"{_API}.CONSUMER.DURABLE.CREATE.{EVENTS}.{name}",
            f"{_API}.CONSUMER.MSG.NEXT.{EVENTS}.{name}",
            f"$JS.ACK.{EVENTS}.{name}.>",
        )
    ]
