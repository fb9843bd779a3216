"""How far a device's results are from those of the CPU. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.detected import Detected, detected
from inference.rollout.agreement import iou
from inference.runtime.rows import Row

SURE, SAME_PLACE = 0.5, 0.9
"""Detections over that confidence are compared; the same place is from that IoU on."""
LEAST_MATCHED = {"fp32": 0.995, "tf32": 0.98, "fp16": 0.95}
"""Share of the CPU's detections that the device must have, and the other way round."""
MOST_APART = {"fp32": 1e-3, "tf32": 0.03, "fp16": 0.05}
"""Of the confidence of a matched detection, and of other outputs, relative to their largest value."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one model on one device with the CPU."""

    compared: int
    """Detections, or pictures."""
    matched: float
    """The smaller share of both directions; 1 for what is not detections."""
    apart: float
    """At the most."""

    def is_good(self, precision: str) -> bool:
        """Whether it is within what `precision` allows."""
        return self.compared > 0 and self.matched >= LEAST_MATCHED[precision] and self.apart <= MOST_APART[precision]


def compare(task: str, reference: Sequence[Row], found: Sequence[Row]) -> Agreement:
    """Rows of outputs for the same pictures."""
    if task != "detection":
        return _compare_tensors(reference, found)
    ours, theirs = [detected(row) for row in reference], [detected(row) for row in found]
    there, back = _matches(ours, theirs), _matches(theirs, ours)
    shares = [float(np.mean([apart is not None for apart in way])) if way else 1.0 for way in (there, back)]
    apart = [value for value in there if value is not None]
    return Agreement(len(there), min(shares), max(apart, default=0.0))


def _compare_tensors(reference: Sequence[Row], found: Sequence[Row]) -> Agreement:
    apart = 0.0
    for ours, theirs in zip(reference, found, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            if one.shape != other.shape:
                return Agreement(len(reference), 0.0, float("inf"))
            scale = max(float(np.abs(one).max(initial=0)), 1e-6)
            off = np.abs(one.astype(np.float64) - other.astype(np.float64)) / scale
            apart = max(apart, float(np.nan_to_num(off, nan=np.inf).max(initial=0)))
    return Agreement(len(reference), 1.0, apart)


def _matches(ours: Sequence[Detected], theirs: Sequence[Detected]) -> list[float | None]:
    """For each sure detection of ours how far its confidence is from theirs in its place; None: they have none."""
    found: list[float | None] = []
    for one, other in zip(ours, theirs, strict=True):
        for box, score, label in zip(one.boxes, one.scores, one.labels, strict=True):
            if score > SURE:
                same = [
                    abs(float(score) - float(theirs_score))
                    for place, theirs_score, theirs_label in zip(*other, strict=True)
                    if theirs_label == label and iou(_sized(box), _sized(place)) >= SAME_PLACE
                ]
                found.append(min(same, default=None))
    return found


def _sized(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, box)
    return left, top, right - left, bottom - top
