"""The messages of the document, and the schemas that they are made of."""

from typing import Any

from pydantic.json_schema import models_json_schema

from vedette.audit.message import AUDIT_TYPE, AuditEvent
from vedette.messages import (
    CLOUDEVENT_CONTENT_TYPE,
    DETECTIONS_TYPE,
    SCHEMA_ROOT,
    STATUS_TYPE,
    DetectionsEvent,
    Hint,
    Message,
    Served,
    StatusEvent,
)
from vedette.object_messages import SCENE_EVENTS, event_type, schema_name

Part = dict[str, Any]
_TEMPLATE = "#/components/schemas/{model}"


def key_of(kind: str) -> str:
    """How a message or channel is called in the document: `zone.enter` as `zoneEnter`."""
    first, *others = kind.split(".")
    return first + "".join(word.capitalize() for word in others)


def messages_and_schemas() -> tuple[dict[str, Part], dict[str, Part]]:
    """`components.messages` and `components.schemas`."""
    events: dict[str, tuple[type[Message], str, str]] = {
        "detections": (DetectionsEvent, DETECTIONS_TYPE, "detections.v1.json"),
        "status": (StatusEvent, STATUS_TYPE, "status.v1.json"),
        "audit": (AuditEvent, AUDIT_TYPE, "audit.v1.json"),
        **{key_of(kind): (of, event_type(kind), schema_name(kind)) for kind, of in SCENE_EVENTS.items()},
    }
    classes: list[type[Message]] = [*(of for of, _, _ in events.values()), Served, Hint]
    references, definitions = models_json_schema([(one, "validation") for one in classes], ref_template=_TEMPLATE)
    messages: dict[str, Part] = {
        name: _event(name, references[of, "validation"], kind, file) for name, (of, kind, file) in events.items()
    }
    messages["served"] = _note("served", Served, references[Served, "validation"])
    messages["hint"] = _note("hint", Hint, references[Hint, "validation"])
    return messages, {name: draft_7(schema) for name, schema in sorted(definitions["$defs"].items())}


def draft_7(schema: Any) -> Any:
    """A schema in the dialect that AsyncAPI 3.0 has by itself, JSON Schema draft 7: tuples are written differently."""
    if isinstance(schema, list):
        return [draft_7(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: draft_7(value) for key, value in schema.items()}
    if isinstance(changed.get("prefixItems"), list):
        changed["items"] = changed.pop("prefixItems")
    return changed


def _event(name: str, reference: Part, kind: str, file: str) -> Part:
    constant = {"type": {"const": kind}, "dataschema": {"const": f"{SCHEMA_ROOT}{file}"}}
    return {
        "name": kind,
        "title": name,
        "contentType": CLOUDEVENT_CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/EventHeaders"},
        "payload": {"allOf": [reference, {"type": "object", "properties": constant}]},
    }


def _note(name: str, of: type[Message], reference: Part) -> Part:
    return {
        "name": name,
        "title": name,
        "summary": (of.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "payload": reference,
    }
