"""Which object a box is. Events name an object, where it was and how it moved; between events it is followed by
overlap with where it should be. Pure.

The tracker itself runs in the events worker, whose events come when something changes, not with every frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.messages import Detection

Box = tuple[float, float, float, float]
"""x, y, width, height, as shares of the picture."""
_LEAST_OVERLAP = 0.2
_MARGIN = 0.4
"""By which boxes are widened on each side before they are compared, in their sizes: people walk by their own width
between two pictures."""
_FORESEEN_S = 2.0
"""For so long an object is thought to go on as it did."""
KNOWN_FOR_S = 90.0
_MOST = 500


@dataclass(slots=True)
class _Known:
    label: str
    box: Box
    at_s: float
    velocity: tuple[float, float]
    """In widths and heights of the picture a second."""

    def expected(self, at_s: float) -> Box:
        """Where it should be."""
        ahead_s = min(at_s - self.at_s, _FORESEEN_S)
        x, y, width, height = self.box
        return x + self.velocity[0] * ahead_s, y + self.velocity[1] * ahead_s, width, height

    def move(self, box: Box, at_s: float) -> None:
        """It was seen there."""
        passed_s = at_s - self.at_s
        if passed_s > 0:
            now = [
                (box[axis] + box[axis + 2] / 2 - self.box[axis] - self.box[axis + 2] / 2) / passed_s for axis in (0, 1)
            ]
            self.velocity = (self.velocity[0] + now[0]) / 2, (self.velocity[1] + now[1]) / 2
        self.box, self.at_s = box, at_s


class ObjectIds:
    """The objects of one camera and pipeline."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def on_object(
        self,
        object_id: str,
        label: str,
        box: Box,
        ended: bool,
        at_s: float,
        velocity: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """An event said this of an object."""
        if ended:
            self._known.pop(object_id, None)
            return
        self._known[object_id] = _Known(label, box, at_s, velocity)
        if len(self._known) > _MOST:
            self._known.pop(min(self._known, key=lambda one: self._known[one].at_s))

    def name(self, detections: Sequence[Detection], at_s: float) -> list[str | None]:
        """Of each box, the object's id, as far as one is known; each object is one box at most."""
        for object_id in [key for key, one in self._known.items() if at_s - one.at_s > KNOWN_FOR_S]:
            del self._known[object_id]
        pairs = sorted(
            (
                (overlap(_widened(one.expected(at_s)), _widened(detection.bbox)), index, object_id)
                for object_id, one in self._known.items()
                for index, detection in enumerate(detections)
                if detection.label == one.label
            ),
            reverse=True,
        )
        names: list[str | None] = [None] * len(detections)
        taken: set[str] = set()
        for share, index, object_id in pairs:
            if share < _LEAST_OVERLAP:
                break
            if names[index] is None and object_id not in taken:
                names[index] = object_id
                taken.add(object_id)
                self._known[object_id].move(detections[index].bbox, at_s)
        return names


def _widened(box: Box) -> Box:
    x, y, width, height = box
    return x - _MARGIN * width, y - _MARGIN * height, (1 + 2 * _MARGIN) * width, (1 + 2 * _MARGIN) * height


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one[2] * one[3] + other[2] * other[3] - both)
