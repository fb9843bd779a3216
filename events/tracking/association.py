"""How well a detection goes with a track, and which may at all.

Overlap alone (IoU, as in SORT and ByteTrack) fails at 1 to 5 fps: a walker is more than its own width away in the next
frame. So the gate is a distance: how far the detection may be from where the track should be, by the track's own
uncertainty, which grows with the time that has passed; overlap and likeness of size decide among what is within.
"""

import math
from collections.abc import Sequence

from events.tracking.assignment import Pair
from events.tracking.motion import Motion
from events.tracking.sighting import Sighting, iou

SAME_PLACE_IOU = 0.5
"""A detection of another label goes with a track only from here on: detectors change their mind (car, truck)."""
_DEVIATIONS = 4.0
"""The gate, in standard deviations of the predicted position ..."""
_FARTHEST = 3.0
"""... and no more than this many sizes of the box."""
_LARGEST_CHANGE = math.log(3.0)
"""Of the area, as a logarithm: boxes are cut by the picture's edge and by what stands before them."""
_OF_DISTANCE, _OF_OVERLAP, _OF_AREA = 0.55, 0.25, 0.2
_OTHER_LABEL = 0.25
_LEAST = 0.02


def gains(
    tracks: Sequence[tuple[Motion, str]], sightings: Sequence[Sighting], reach: float = 1.0, overlap: float = 0.0
) -> dict[Pair, float]:
    """Of (index of the track, index of the sighting), those above 0; `overlap` is the least IoU asked for."""
    found: dict[Pair, float] = {}
    for row, (motion, label) in enumerate(tracks):
        limit = reach * min(_DEVIATIONS * motion.spread(), _FARTHEST * motion.size)
        x, y = motion.x, motion.y
        for column, sighting in enumerate(sightings):
            box = sighting.box
            if abs(box[0] - x) > limit or abs(box[1] - y) > limit:
                continue
            value = _gain(motion, label, sighting, limit)
            if value > 0 and (overlap == 0 or iou(motion.box, box) >= overlap):
                found[row, column] = value
    return found


def _gain(motion: Motion, label: str, sighting: Sighting, limit: float) -> float:
    box = sighting.box
    distance = math.hypot(box[0] - motion.x, box[1] - motion.y)
    if distance > limit:
        return 0.0
    change = abs(math.log(box[2] * box[3] / (motion.width * motion.height)))
    if change > _LARGEST_CHANGE:
        return 0.0
    overlap = iou(motion.box, box)
    penalty = 0.0
    if label != sighting.label:
        if overlap < SAME_PLACE_IOU:
            return 0.0
        penalty = _OTHER_LABEL
    cost = _OF_DISTANCE * distance / limit + _OF_OVERLAP * (1 - overlap) + _OF_AREA * change / _LARGEST_CHANGE + penalty
    return 1 - cost if cost < 1 - _LEAST else 0.0
