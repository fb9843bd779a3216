"""Where the messages are: subjects of NATS, topics of MQTT, webhooks; and which way each goes, as Vedette sees it."""

from collections.abc import Iterable
from typing import Any

from vedette import subjects
from vedette.asyncapi.messages import Part, key_of
from vedette.object_messages import SCENE_EVENTS

_SITE, _CAMERA, _PIPELINE, _SINK = "{site}", "{camera}", "{pipeline}", "{sink}"
_ALL = [key_of(kind) for kind in SCENE_EVENTS]


def channels() -> dict[str, Part]:
    """`channels` of the document."""
    feed = subjects.Feed(_PIPELINE, _SITE, _CAMERA)
    events = {
        key_of(kind): _channel(subjects.event(_SITE, _CAMERA, kind), [key_of(kind)], "nats", _KEPT_IN_EVENTS)
        for kind in SCENE_EVENTS
    }
    return {
        "detections": _channel(feed.detections, ["detections"], "nats", "Kept in the stream DETECTIONS."),
        **events,
        "status": _channel(subjects.status(_SITE, _CAMERA), ["status"], "nats", "Kept in STATUS, the latest of each."),
        "audit": _channel(subjects.audit(_SITE), ["audit"], "nats", "Kept in AUDIT, which nobody purges."),
        "served": _channel(feed.served, ["served"], "nats", "Core NATS: between workers and gateways."),
        "hint": _channel(subjects.hint(_SITE, _CAMERA), ["hint"], "nats", "Core NATS: a gate stays open."),
        "dead": _channel(
            subjects.dead(_SITE, _SINK),
            (f"{name}Dead" for name in _ALL),
            "nats",
            "Kept in DEAD: what a sink won't take.",
        ),
        "mqttEvents": _channel(
            _topic(subjects.events_filter(_SITE, _CAMERA)), _ALL, "mqtt", "QoS 0, whatever a subscription asks for."
        ),
        "mqttStatus": _channel(_topic(subjects.status(_SITE, _CAMERA)), ["status"], "mqtt", "QoS 0."),
        "webhook": {
            "address": "/",
            "title": "webhook",
            "description": "A URL of `sinks:`, with the path that it has there.",
            "servers": [{"$ref": "#/servers/receiver"}],
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (f"{one}Webhook" for one in _ALL)},
        },
    }


def operations() -> dict[str, Part]:
    """`operations` of the document; `send`: from Vedette."""
    return {
        f"{'receive' if name == 'hint' else 'send'}{name[0].upper()}{name[1:]}": {
            "action": "receive" if name == "hint" else "send",
            "channel": {"$ref": f"#/channels/{name}"},
            **_OF_OPERATIONS.get(name, {}),
        }
        for name in channels()
    }


_KEPT_IN_EVENTS = "Kept in the stream EVENTS, for days."
_OF_OPERATIONS: dict[str, dict[str, Any]] = {
    "webhook": {
        "summary": "At least once, in order of each camera; an answer of 2xx acknowledges.",
        "bindings": {"http": {"method": "POST"}},
    },
    "mqttEvents": {"bindings": {"mqtt": {"qos": 0, "retain": False}}},
    "mqttStatus": {"bindings": {"mqtt": {"qos": 0, "retain": False}}},
    "hint": {"summary": "The events workers send it; so may others who know that something moves."},
}
_PARAMETERS = {
    "site": "An id: lower case letters, digits, - and _.",
    "camera": "An id; a recording's is <name>-<run>.",
    "pipeline": "An id.",
    "sink": "Its name in the configuration.",
    "noun": "`object`, `zone`, `line`, `identity`, `input`.",
    "verb": "`new`, `update`, `end`, `enter`, `leave`, `cross`, `match`, `change`.",
}


def _channel(address: str, messages: Iterable[str], server: str, description: str) -> Part:
    return {
        "address": address,
        "description": description,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "parameters": {name: {"description": text} for name, text in _PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _topic(subject: str) -> str:
    """The MQTT topic of a subject, as nats-server maps it; its two last wildcards are a kind."""
    return subject.replace(".", "/").replace("*/*", "{noun}/{verb}")
