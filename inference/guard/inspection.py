"""What a pipeline's guard asks of one picture, and the first half of the answer: what the picture alone tells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.guard.measures import measure
from inference.guard.squeezing import SQUEEZERS, is_sampled
from inference.guard.verdict import REJECTED, Verdict, judge
from inference.preprocess import Placement
from inference.repository.card import Colour
from vedette.config.guard_settings import Guard

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is looked at in one picture."""

    expected: Guard
    squeezed: bool = False
    """Whether the model's answers on squeezed copies are compared too."""
    floor: float = 0.0
    """The confidence from which on a detection is one."""

    @classmethod
    def of_frame(cls, expected: Guard, frame_id: str, floor: float) -> "Inspection":
        """Of a pipeline's frame: a share of them, by id, is squeezed."""
        squeeze = expected.squeeze
        return cls(expected, squeeze is not None and is_sampled(frame_id, squeeze.share), floor)

    def verdict(self, slot: Image, placement: Placement, size: tuple[int, int], colour: Colour) -> Verdict:
        """On a picture of this size (width, height; before it was scaled) that lies in a slot."""
        right, bottom = placement.left + placement.width, placement.top + placement.height
        inside = slot[max(0, placement.top) : bottom, max(0, placement.left) : right]
        return judge(*size, measure(inside, colour), self.expected)

    def wants_inference(self, verdict: Verdict) -> bool:
        return verdict.verdict != REJECTED or self.expected.infer_rejected


def squeezed_copies(slot: Image) -> list[Image]:
    """One by each squeezer, in the order of their names in `SQUEEZERS`."""
    return [squeeze(slot) for squeeze in SQUEEZERS.values()]
