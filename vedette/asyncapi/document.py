"""The whole document."""

import json
from typing import Any

from vedette.asyncapi.channels import channels, operations
from vedette.asyncapi.messages import Part, key_of, messages_and_schemas
from vedette.messages import CLOUDEVENT_CONTENT_TYPE
from vedette.object_messages import SCENE_EVENTS

_DESCRIPTION = (
    "Detections, events and the state of cameras, as they are on NATS, over MQTT, and in webhooks. Readers ignore "
    "fields that they don't know and accept new values of enumerations; a breaking change is a new `type`. A message "
    "may come twice: its `id` says so."
)
_TEXT: Part = {"type": "string"}


def document() -> dict[str, Any]:
    """As AsyncAPI 3.0.0 has it."""
    messages, schemas = messages_and_schemas()
    for kind in SCENE_EVENTS:
        name = key_of(kind)
        for where, headers in (("Webhook", "WebhookHeaders"), ("Dead", "DeadLetterHeaders")):
            reference = {"$ref": f"#/components/schemas/{headers}"}
            messages[f"{name}{where}"] = {**messages[name], "title": f"{name}{where}", "headers": reference}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Vedette",
            "version": "1.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CLOUDEVENT_CONTENT_TYPE,
        "servers": _SERVERS,
        "channels": channels(),
        "operations": operations(),
        "components": {"messages": messages, "schemas": {**schemas, **_HEADERS}},
    }


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


_SERVERS: dict[str, Part] = {
    "nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "`listen.nats`, or `nats.url`."},
    "mqtt": {
        "host": "127.0.0.1:1883",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "description": "`listen.mqtt`; off by default.",
    },
    "receiver": {
        "host": "receiver.example.com",
        "protocol": "https",
        "description": "Whoever `sinks:` names.",
    },
}
_HEADERS: dict[str, Part] = {
    "EventHeaders": {
        "type": "object",
        "properties": {
            "Content-Type": {"const": CLOUDEVENT_CONTENT_TYPE},
            "Nats-Msg-Id": {**_TEXT, "description": "`id`"},
        },
    },
    "DeadLetterHeaders": {
        "type": "object",
        "required": ["Vedette-Event-Id", "Vedette-Subject", "Vedette-Stored-At", "Vedette-Reason", "Vedette-Attempts"],
        "properties": {
            "Vedette-Event-Id": _TEXT,
            "Vedette-Subject": {**_TEXT, "description": "Where it was published."},
            "Vedette-Stored-At": {**_TEXT, "format": "date-time"},
            "Vedette-Reason": {**_TEXT, "description": "`refused`, `attempts` or `age`."},
            "Vedette-Attempts": {**_TEXT, "pattern": "^[0-9]+$"},
            "Vedette-Last-Error": _TEXT,
        },
    },
    "WebhookHeaders": {
        "type": "object",
        "description": "Standard Webhooks 1.0.0.",
        "required": ["webhook-id", "webhook-timestamp"],
        "properties": {
            "webhook-id": {**_TEXT, "description": "The same for each attempt; made of the event's `id`."},
            "webhook-timestamp": {**_TEXT, "pattern": "^[0-9]+$", "description": "Unix seconds of the attempt."},
            "webhook-signature": {
                **_TEXT,
                "description": "`v1,` and base64; one for each secret, with spaces between.",
            },
        },
    },
}
