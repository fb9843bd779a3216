"""An object as one picture shows it, and how good a picture of it that is. Pure."""

from dataclasses import dataclass
from math import sqrt

from vedette.messages import FrameRef
from vedette.view import Box

_EDGE = 0.005
"""A box so near to the picture's edge is probably cut off by it ..."""
_CUT_OFF = 0.5
"""... and worth this share."""
_HALF_SHARP = 100.0
"""Variance of the Laplacian that counts as half sharp."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """One sighting of an object that subscribers know, whose picture was kept."""

    site: str
    camera: str
    pipeline: str
    object: str
    label: str
    person: str | None
    """Who was recognised so far."""
    confidence: float
    """Of this very detection."""
    bbox: Box
    """x, y, width, height in fractions of the displayed picture."""
    frame: FrameRef
    sharpness: float | None
    """As the pipeline's guard measured the whole picture; None: it measured none."""

    @property
    def picture(self) -> int:
        """Its sequence in the stream `PICTURES`."""
        return -1 if self.frame.picture is None else self.frame.picture

    def score(self, sharpness: float) -> float:
        """Confidence x size x sharpness, 0 to 1.

        Size is that of the side of a square of the box's area, as a share of the picture's: a box of twice the
        width and height shows twice as much detail. What is cut off by the picture's edge counts half (as in Frigate's
        choice of thumbnails, `frigate/util/image.py`, `is_better_thumbnail`, which prefers what is not).
        """
        x, y, width, height = self.bbox
        whole = x > _EDGE and y > _EDGE and x + width < 1 - _EDGE and y + height < 1 - _EDGE
        return self.confidence * sqrt(width * height) * sharpness * (1.0 if whole else _CUT_OFF)


def sharpness_share(laplacian_variance: float) -> float:
    """A variance of the Laplacian (Pech-Pacheco et al., Diatom autofocusing, ICPR 2000) as a share, 0 to 1.

    It has no upper end and depends on what is seen: so that ten times as much texture does not outweigh all else, what
    is beyond sharp counts ever less.
    """
    return laplacian_variance / (laplacian_variance + _HALF_SHARP)
