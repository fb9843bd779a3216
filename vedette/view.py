"""Which part of a picture another one shows, and what is where in both. Pure.

A camera's substream often shows what its main stream does, stretched to other proportions, or only a part of it, or
more than it. So a place in one is a place in the other by an offset and a scale along each axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""x, y, width and height in fractions of a picture, origin top left."""
Polygon: TypeAlias = Sequence[tuple[float, float]]
"""Corners in fractions of a picture."""


@dataclass(frozen=True, slots=True)
class View:
    """The rectangle that the substream's picture is, in fractions of the main picture; it may reach beyond it.

    Raises:
        ValueError: it has no area.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not (self.width > 0 and self.height > 0):
            raise ValueError("a view must be wider and higher than 0")

    def __str__(self) -> str:
        return " ".join(f"{value:.5f}" for value in (self.x, self.y, self.width, self.height))

    @classmethod
    def parse(cls, text: str) -> "View":
        """What `str` made; raises ValueError."""
        x, y, width, height = map(float, text.split(" "))
        if not all(abs(value) <= _FARTHEST for value in (x, y, width, height)):
            raise ValueError(f"{text!r} is no view")
        return cls(x, y, width, height)

    def in_main(self, box: Box) -> Box | None:
        """A box of the substream's picture in the main one, clipped to it, 5 decimals; None: it is outside."""
        left, right = self._clipped(self.x, self.width, box[0], box[2])
        top, bottom = self._clipped(self.y, self.height, box[1], box[3])
        if right <= left or bottom <= top:
            return None
        return left, top, round(right - left, 5), round(bottom - top, 5)

    def in_substream(self, polygon: Polygon) -> Polygon:
        """A polygon of the main picture in the substream's, which it may leave."""
        return tuple(((x - self.x) / self.width, (y - self.y) / self.height) for x, y in polygon)

    @property
    def shown(self) -> float:
        """How much of the main picture it shows, 0 to 1."""
        (left, right), (top, bottom) = self._clipped(self.x, self.width, 0, 1), self._clipped(self.y, self.height, 0, 1)
        return (right - left) * (bottom - top)

    def apart(self, other: "View") -> float:
        """How far their edges are apart, at most."""
        return max(abs(one - two) for one, two in zip(self._edges, other._edges, strict=True))

    @property
    def _edges(self) -> Box:
        return self.x, self.y, self.x + self.width, self.y + self.height

    @staticmethod
    def _clipped(offset: float, scale: float, begin: float, length: float) -> tuple[float, float]:
        first, last = (min(1.0, max(0.0, offset + scale * at)) for at in (begin, begin + length))
        return round(first, 5), round(last, 5)


_FARTHEST = 100.0
WHOLE = View(0.0, 0.0, 1.0, 1.0)
