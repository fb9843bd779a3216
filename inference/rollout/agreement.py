"""How far two versions agree on one picture: their objects matched by overlap, then compared by label. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

MATCHED_FROM_IOU = 0.5
"""As in the PASCAL VOC challenge (Everingham et al., IJCV 88, 2010)."""


class Box(Protocol):
    """x, y, width, height in any unit, and what it is."""

    @property
    def label(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def bbox(self) -> tuple[float, float, float, float]: ...


class Compared(NamedTuple):
    """One object that at least one of the two versions has found."""

    label: str
    """The first version's; where only the second has found it, the second's."""
    outcome: str
    """`same`, `other_label`, `only_first`, `only_second`."""
    iou: float
    """0 where only one has found it."""


def compare(first: Sequence[Box], second: Sequence[Box], confidence: float) -> list[Compared]:
    """Match objects of at least `confidence`: of the first's, the surest choose first, each the one that it overlaps
    most and at least by half; the same label is preferred to a larger overlap."""
    left = [box for box in second if box.confidence >= confidence]
    found = []
    for one in sorted((box for box in first if box.confidence >= confidence), key=lambda box: -box.confidence):
        other, overlap = max(_candidates(one, left), key=lambda match: (match[0].label == one.label, match[1]),
                             default=(None, 0.0))  # fmt: skip
        if other is None:
            found.append(Compared(one.label, "only_first", 0.0))
        else:
            left.remove(other)
            found.append(Compared(one.label, "same" if other.label == one.label else "other_label", overlap))
    return found + [Compared(box.label, "only_second", 0.0) for box in left]


def compare_best(first: str, second: str) -> Compared:
    """What two classifiers find likeliest."""
    return Compared(first, "same" if first == second else "other_label", 0.0)


def _candidates(one: Box, others: Sequence[Box]) -> Iterator[tuple[Box, float]]:
    for other in others:
        if (overlap := iou(one.bbox, other.bbox)) >= MATCHED_FROM_IOU:
            yield other, overlap


def iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0 else 0.0
