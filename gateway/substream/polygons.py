"""Polygons of the main picture, as they lie in the substream's. Pure."""

from collections.abc import Iterator, Sequence
from itertools import product

import cv2
import numpy as np

from gateway.pictures.privacy import Polygon
from vedette.view import View


def hidden_in_substream(polygons: Sequence[Polygon], view: View, tolerance: float) -> tuple[Polygon, ...]:
    """What must be black in the substream's picture so that nobody sees what `polygons` hide in the main one.

    That is the polygons, grown by `tolerance` (fractions of the main picture), which is how far the view may be off;
    and all that the main picture doesn't show: whoever drew them up to its edge saw nothing beyond.
    """
    if not polygons:
        return ()
    grown = (part for polygon in polygons for part in (polygon, *_rims(polygon, tolerance)))
    return (*(view.in_substream(part) for part in grown), *_beyond(view))


def _rims(polygon: Polygon, by: float) -> Iterator[Polygon]:
    """Around each edge, all within `by` of it along both axes; with the polygon itself, it grown by a square."""
    if not by:
        return
    for begin, end in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        corners = [(x + dx, y + dy) for (x, y), dx, dy in product((begin, end), (-by, by), (-by, by))]
        hull = cv2.convexHull(np.array(corners, np.float32))
        if len(hull) > 2:  # an edge of next to no length, grown by next to nothing, has no inside
            yield tuple((float(x), float(y)) for x, y in hull[:, 0])


def _beyond(view: View) -> Iterator[Polygon]:
    """The parts of the substream's picture that lie outside of the main one."""
    (left, top), (right, bottom) = view.in_substream(((0.0, 0.0), (1.0, 1.0)))
    if left > 0:
        yield (0, 0), (left, 0), (left, 1), (0, 1)
    if right < 1:
        yield (right, 0), (1, 0), (1, 1), (right, 1)
    if top > 0:
        yield (0, 0), (1, 0), (1, top), (0, top)
    if bottom < 1:
        yield (0, bottom), (1, bottom), (1, 1), (0, 1)
