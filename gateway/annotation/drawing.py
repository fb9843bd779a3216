"""Draws on a picture of 8-bit BGR, shape (height, width, 3)."""

from collections.abc import Sequence
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.annotation.courses import Shown
from gateway.annotation.follower import Follower

Bgr = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SHARE = 1 / 36
"""Height of a line of text, of the picture's shorter side."""
_ID_LETTERS = 4
"""As in `vedette watch --events`."""
_ZONE: Colour = (60, 200, 255)
_LINE: Colour = (255, 120, 60)
_MASK: Colour = (90, 90, 90)
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)
_OBJECTS: tuple[Colour, ...] = (
    (80, 80, 255),
    (80, 220, 80),
    (255, 160, 60),
    (60, 220, 255),
    (255, 90, 220),
    (230, 230, 60),
    (120, 160, 255),
    (180, 255, 140),
)
"""By a hash of the id: the same in every run."""


class Pen:
    """For pictures of one size."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        line_px = max(9.0, min(width, height) * _TEXT_SHARE)
        self._scale = line_px / 30  # OpenCV's font is 30 pixels from line to line at scale 1, about
        self._line_px = round(line_px * 1.25)
        self._stroke = max(2, round(min(width, height) / 360))

    def places(self, picture: Bgr, follower: Follower, inside: dict[str, int]) -> None:
        """Zones with how many are in them, lines with their directions, masks."""
        for mask in follower.masks:
            cv2.polylines(picture, [self._pixels(mask.polygon)], True, _MASK, self._stroke)
        for name, zone in follower.zones.items():
            corners = self._pixels(zone.polygon)
            cv2.polylines(picture, [corners], True, _ZONE, self._stroke, cv2.LINE_AA)
            self._label(picture, f"{name}: {inside.get(name, 0)}", tuple(corners.min(axis=0)), _ZONE, below=True)
        for name, line in follower.lines.items():
            start, end = self._pixels((line.start, line.end))
            cv2.line(picture, start, end, _LINE, self._stroke, cv2.LINE_AA)
            self._arrow(picture, start, end)
            self._label(picture, f"{name} ({line.right})", tuple(start), _LINE)

    def objects(self, picture: Bgr, shown: Sequence[Shown]) -> None:
        """Boxes with labels and the end of the ids."""
        for one in shown:
            x, y, width, height = one.box
            corner, opposite = self._pixels(((x, y), (x + width, y + height)))
            colour = _OBJECTS[crc32(one.id.encode()) % len(_OBJECTS)]
            cv2.rectangle(picture, corner, opposite, colour, self._stroke)
            self._label(picture, f"{one.label} #{one.id[-_ID_LETTERS:]}", tuple(corner), colour)

    def captions(self, picture: Bgr, lines: Sequence[str]) -> None:
        """At the lower left."""
        bottom = self._size[1] - self._line_px // 2
        for number, line in enumerate(reversed(lines)):
            self._label(picture, line, (self._line_px // 2, bottom - number * self._line_px), _WHITE)

    def _label(self, picture: Bgr, text: str, at: tuple[int, ...], colour: Colour, below: bool = False) -> None:
        """Black on `colour`; above `at`, or `below` it, and always inside of the picture."""
        plain = text.encode("ascii", "replace").decode()
        (width, height), baseline = cv2.getTextSize(plain, _FONT, self._scale, 1)
        depth = height + baseline
        x = max(0, min(int(at[0]), self._size[0] - width - 4))
        y = max(depth, min(int(at[1]) + (depth if below else 0), self._size[1]))
        cv2.rectangle(picture, (x, y - depth), (x + width + 4, y), colour, cv2.FILLED)
        cv2.putText(picture, plain, (x + 2, y - baseline + 1), _FONT, self._scale, _BLACK, 1, cv2.LINE_AA)

    def _arrow(self, picture: Bgr, start: NDArray[np.int32], end: NDArray[np.int32]) -> None:
        """To the right of the line, looking from its start to its end as the picture is seen (y goes down)."""
        along = (end - start).astype(float)
        middle = (start + end) / 2
        length = max(1.0, float(np.hypot(*along)))
        tip = middle + np.array([-along[1], along[0]]) / length * min(length / 4, 2.0 * self._line_px)
        cv2.arrowedLine(picture, _point(middle), _point(tip), _LINE, self._stroke, cv2.LINE_AA, tipLength=0.35)

    def _pixels(self, points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
        """int32[n, 2]"""
        most = np.array(self._size) - 1
        return np.clip(np.round(np.array(points) * self._size), 0, most).astype(np.int32)


def _point(place: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
