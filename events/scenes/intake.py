"""Which detections messages are let in: what a worker of ours would never write must not harm other cameras. Pure.

A message counts only for the camera in its subject, which the server's permissions are about; its id is made anew from
what it says. Sizes and times that no camera has are refused whole, single detections that make no sense are left out.
"""

import datetime as dt
from collections import Counter
from math import isfinite

from pydantic import ValidationError

from events.scenes.camera_scene import SceneKey
from vedette.ids import is_id
from vedette.messages import Detection, Detections, DetectionsEvent, detections_event

MOST_DETECTIONS = 300
"""In a frame, the most confident; a scene follows 200."""
MOST_SIDE = 1 << 16
_MOST_COUNT = 1 << 63
_FIRST, _LAST = dt.datetime(1971, 1, 1, tzinfo=dt.UTC), dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
_LEAST_SIDE = 1e-5
"""Of a box, as a share of the picture: messages have five decimals."""
_LONGEST_TEXT = 128
_MOST_ATTRIBUTES = 32
"""Of a detection."""


class Refused(ValueError):
    """A message that is left out; says by which reason it is counted."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def admitted(payload: bytes, source: SceneKey, counts: Counter[str]) -> DetectionsEvent:
    """The message in `payload`, which came for `source`; `counts` is told what of it was left out.

    Raises:
        Refused: it is none, says impossible things, or is another camera's.
    """
    try:
        event = DetectionsEvent.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Refused("malformed", f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}") from None
    data = event.data
    if SceneKey.of(data) != source or not all(map(is_id, source)):
        raise Refused("misplaced", "it says that it is of another camera or pipeline than its subject")
    _check_frame(data)
    return detections_event(_sane(data, counts), event.traceparent)


def _check_frame(data: Detections) -> None:
    frame = data.frame
    if not (0 < frame.width <= MOST_SIDE and 0 < frame.height <= MOST_SIDE):
        raise Refused("malformed", f"its picture has no size from 1 to {MOST_SIDE}")
    if not (0 <= frame.epoch < _MOST_COUNT and 0 <= frame.seq < _MOST_COUNT):
        raise Refused("malformed", "an epoch or sequence that is none")
    if not (_FIRST < frame.captured_at < _LAST and _FIRST < frame.arrived_at < _LAST):
        raise Refused("malformed", f"captured at {frame.captured_at}, arrived at {frame.arrived_at}")


def _sane(data: Detections, counts: Counter[str]) -> Detections:
    """`data` itself, or where that is needed without what makes no sense."""
    found = [one for one in data.detections if _is_sane(one)]
    counts["impossible"] += len(data.detections) - len(found)
    if len(found) > MOST_DETECTIONS:
        counts["crowded"] += len(found) - MOST_DETECTIONS
        chosen = sorted(range(len(found)), key=lambda index: -found[index].confidence)[:MOST_DETECTIONS]
        found = [found[index] for index in sorted(chosen)]
    tidied = tuple(map(_tidied, found))
    return data if tidied == data.detections else data.model_copy(update={"detections": tidied})


def _is_sane(one: Detection) -> bool:
    return min(one.bbox[2:]) >= _LEAST_SIDE and len(one.label) <= _LONGEST_TEXT


def _tidied(one: Detection) -> Detection:
    """Without attributes that nobody could store or read."""
    if not one.attributes:
        return one
    sound = {name: value for name, value in one.attributes.items() if len(name) <= _LONGEST_TEXT and _is_sound(value)}
    if len(sound) == len(one.attributes) <= _MOST_ATTRIBUTES:
        return one
    return one.model_copy(update={"attributes": dict(list(sound.items())[:_MOST_ATTRIBUTES])})


def _is_sound(value: str | float | bool) -> bool:
    return len(value) <= _LONGEST_TEXT if isinstance(value, str) else isfinite(value)
