"""Events as a story, a line each: `12:01:33.250 gate person #8WT4 entered yard (2 there)`. Pure."""

import datetime as dt

from vedette.event_parser import Event
from vedette.object_messages import (
    EventData,
    IdentityMatch,
    InputChange,
    LineCross,
    ObjectEnd,
    ObjectEvent,
    ObjectNew,
    ObjectUpdate,
    ZoneEnter,
    ZoneLeave,
)

_SHORT = 4
"""Letters of an object's id that tell it from others of its time: the last ones are of a hash."""
_TOLD_ELSEWHERE = {"zones", "confidence"}
"""What an `object.update` says that is an event of its own, or not worth a line."""
_GONE = {
    "lost": "is not seen any more",
    "left": "left the picture",
    "silence": "is not known of any more, as no frames come",
    "final": "was there until the recording's end",
}


def told(event: Event) -> str | None:
    """The line of an event; None where it says nothing that other lines don't, or is of a kind of a later version."""
    data = event.data
    if not isinstance(data, EventData) or (text := said(data)) is None:
        return None
    moment = event.time.astimezone(dt.UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {data.camera} {text}"


def said(data: EventData) -> str | None:
    """What an event says, without when and where; None as in `told`."""
    return _said(data) if _is_told(data) else None


def _is_told(data: EventData) -> bool:
    return not isinstance(data, ObjectUpdate) or not set(data.changed) <= _TOLD_ELSEWHERE


def _said(data: EventData) -> str:
    if isinstance(data, InputChange):
        return f"the picture is {', '.join(data.conditions)}" if data.conditions else "the picture is well again"
    return f"{data.object.label} #{data.object.id[-_SHORT:]} {_of_object(data)}"


def _of_object(data: ObjectEvent) -> str:
    match data:
        case ObjectNew():
            return f"appeared ({data.object.confidence:.2f})"
        case ObjectUpdate():
            return "; ".join(_changed(data, what) for what in data.changed if what not in _TOLD_ELSEWHERE)
        case ObjectEnd():
            return f"{_GONE.get(data.reason, f'ended ({data.reason})')}, after {data.duration_s:.0f} s"
        case ZoneEnter():
            return f"entered {data.zone} ({data.occupancy} there)"
        case ZoneLeave():
            return f"left {data.zone} after {data.dwell_s:.0f} s ({data.occupancy} there)"
        case LineCross():
            return f"crossed {data.line}: {data.direction}"
        case IdentityMatch():
            alive = "" if data.liveness is None else f", liveness {data.liveness:.2f}"
            return f"is {data.identity} ({data.similarity:.2f}{alive})"
    return "changed"


def _changed(data: ObjectUpdate, what: str) -> str:
    known, snapshot = data.object, data.snapshot
    match what:
        case "state":
            return "stands still" if known.state == "stationary" else "moves"
        case "label":
            return f"is a {known.label}"
        case "attributes":
            return ", ".join(f"{name} {value}" for name, value in known.attributes.items())
        case "snapshot" if snapshot is not None:
            return f"has a picture, {snapshot.sha256[:12]} ({snapshot.width}x{snapshot.height})"
    return f"has another {what}"
