"""One detection as the tracker sees it."""

from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""x, y of the centre, width, height, in heights of the picture: so that distances are alike in both directions."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A detection in a frame."""

    index: int
    """In its message."""
    label: str
    confidence: float
    box: Box


def box_of(bbox: tuple[float, float, float, float], aspect: float) -> Box:
    """A message's bbox (x, y, width, height in fractions, origin top left) in a picture of width : height `aspect`."""
    x, y, width, height = bbox
    return (x + width / 2) * aspect, y + height / 2, width * aspect, height


def iou(one: Box, two: Box) -> float:
    """Intersection over union, 0 to 1."""
    shared = _shared(one, two)
    return shared / (one[2] * one[3] + two[2] * two[3] - shared) if shared else 0.0


def covering(one: Box, two: Box) -> float:
    """Intersection over the smaller of both, 0 to 1."""
    return _shared(one, two) / min(one[2] * one[3], two[2] * two[3])


def _shared(one: Box, two: Box) -> float:
    width = min(one[0] + one[2] / 2, two[0] + two[2] / 2) - max(one[0] - one[2] / 2, two[0] - two[2] / 2)
    height = min(one[1] + one[3] / 2, two[1] + two[3] / 2) - max(one[1] - one[3] / 2, two[1] - two[3] / 2)
    return width * height if width > 0 and height > 0 else 0.0
