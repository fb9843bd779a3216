"""From a decoder's frame to the displayed picture: rotation, mirroring, pixel aspect, size. Pure."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
"""One plane of a picture, shape (height, width)."""

SQUARE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned to be displayed: first transposed, then mirrored. One of eight."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes | None) -> "Orientation":
        """Read a display matrix (ISO/IEC 14496-12 section 8.2.2.3, as FFmpeg's side data: 9 native int32).

        A point (x, y) is displayed at (a x + c y, b x + d y); angles between quarter turns count as the nearest.
        """
        if matrix is None or len(matrix) < 36:
            return UPRIGHT
        a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, np.int32)[:5])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def apply(self, plane: Plane) -> Plane:
        """The plane (or a picture whose last axis is its colours) as displayed; a view where nothing is to be done,
        else a copy in rows."""
        if self == UPRIGHT:
            return plane
        turned = plane.swapaxes(0, 1) if self.transposed else plane
        step_y, step_x = (-1 if self.mirrored_y else 1), (-1 if self.mirrored_x else 1)
        return np.ascontiguousarray(turned[::step_y, ::step_x])


UPRIGHT = Orientation()


@dataclass(frozen=True, slots=True)
class PictureSize:
    """The sizes of one picture, in pixels."""

    display_width: int
    display_height: int
    """The stream's displayed picture at full size, with square pixels."""
    width: int
    height: int
    """What is sent."""
    orientation: Orientation

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height of what is sent before it is turned."""
        return (self.height, self.width) if self.orientation.transposed else (self.width, self.height)


def picture_size(frame: tuple[int, int], aspect: Fraction, orientation: Orientation, max_width: int) -> PictureSize:
    """Sizes for a decoded frame of (width, height) with pixels of `aspect` (width : height).

    What is sent is at most `max_width` wide, and never larger than the frame in either direction. Its sides are even:
    mirrored 4:2:0 chroma stays in place, and turbojpeg reads planes of odd pictures beyond their edge.
    """
    frame_width, frame_height = frame
    shown = (frame_width * float(aspect), float(frame_height))
    width, height = reversed(shown) if orientation.transposed else shown
    scale = min(1.0, max_width / width, 1 / float(aspect))
    return PictureSize(
        display_width=max(1, round(width)),
        display_height=max(1, round(height)),
        width=_even(width * scale),
        height=_even(height * scale),
        orientation=orientation,
    )


def _even(length: float) -> int:
    return max(2, int(length + 0.5) // 2 * 2)
