"""What a further stage's answer says of a detection, or adds to the detections. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from inference.cascade.answer import Answer, likeliest
from inference.cascade.plan import Step
from inference.picture_answer import Found
from vedette.messages import Detection
from vedette.view import Box, View

Value: TypeAlias = str | float | bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A detection, and where it is in the frame that was inferred."""

    found: Found
    detection: Detection


def classified(step: Step, answer: Answer) -> dict[str, Value]:
    """The attribute: a label's score, or the likeliest label that the stage wants, if it is sure enough."""
    scores = dict(answer.classes)
    asked = step.card.attribute.score if step.card.attribute is not None else None
    if asked is not None:
        return {step.attribute: round(scores[asked], 4)} if scores[asked] >= step.confidence else {}
    label, score = likeliest(answer.classes)
    wanted = step.labels is None or label in step.labels
    return {step.attribute: label} if wanted and score >= step.confidence else {}


def found_in_crop(step: Step, answer: Answer, box: Box, view: View) -> Iterable[Seen]:
    """The detections in a crop that the stage asks for, in the frame and as the message has them."""
    for one in answer.detections:
        if one.confidence < step.confidence or (step.labels is not None and one.label not in step.labels):
            continue
        bbox = _clipped(box, one.bbox)
        points = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in one.landmarks]
        shown = None if bbox is None else view.in_main(bbox)
        if bbox is not None and shown is not None:
            found = Found(one.label, one.confidence, bbox, points)
            yield Seen(found, Detection(label=one.label, confidence=one.confidence, bbox=shown))


def _clipped(box: Box, inside: Box) -> Box | None:
    """A box inside a crop, in the frame and clipped to it."""
    left, top = max(0.0, box[0] + inside[0] * box[2]), max(0.0, box[1] + inside[1] * box[3])
    right = min(1.0, box[0] + (inside[0] + inside[2]) * box[2])
    bottom = min(1.0, box[1] + (inside[1] + inside[3]) * box[3])
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None
