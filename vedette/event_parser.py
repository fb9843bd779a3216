"""Reads the CloudEvents of the bus: the types that this version knows as their classes, any other as it comes."""

from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic_core import from_json

from vedette.errors import MalformedMessage
from vedette.messages import DETECTIONS_TYPE, STATUS_TYPE, CloudEvent, DetectionsEvent, Message, StatusEvent
from vedette.object_messages import SCENE_EVENTS, SceneCloudEvent, event_type


class UnknownData(Message):
    """Data of a type that this version does not know; `model_extra` has its fields."""

    model_config = ConfigDict(extra="allow")


UnknownEvent = CloudEvent[UnknownData]
KnownEvent = DetectionsEvent | StatusEvent | SceneCloudEvent
Event = KnownEvent | UnknownEvent

_CLASSES: dict[str, type[KnownEvent]] = {
    DETECTIONS_TYPE: DetectionsEvent,
    STATUS_TYPE: StatusEvent,
    **{event_type(kind): known for kind, known in SCENE_EVENTS.items()},
}


def parse_event(payload: bytes) -> Event:
    """The event in `payload`, structured JSON. Fields that this version does not know are left out.

    Raises:
        MalformedMessage: it is no CloudEvent 1.0, or its data is not what its type says.
    """
    try:
        content: Any = from_json(payload)
    except ValueError as error:
        raise MalformedMessage(f"is no JSON: {error}") from error
    kind = content.get("type") if isinstance(content, dict) else None
    try:
        return (_CLASSES.get(kind, UnknownEvent) if isinstance(kind, str) else UnknownEvent).model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise MalformedMessage(f"{where or 'event'}: {first['msg']}") from error
