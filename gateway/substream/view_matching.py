"""Which part of a camera's main picture its substream shows, found by matching the two pictures. Pure.

Two pictures of one camera, taken at about the same time, differ by an offset and a scale along each axis, by
compression, and by whatever moved meanwhile. They are made the same size, whatever their proportions, so that a
substream that shows all of the scene stretched differs by nothing. Local contrast is compared, not grey levels, so
that exposure doesn't count.

1. Every offset at every pair of scales is tried on small pictures: normalised cross-correlation of a template
   (J. P. Lewis, Fast Normalized Cross-Correlation, 1995).
2. The best are refined, and of those the best to a fraction of a pixel: `gateway.substream.view_fitting`.
3. Doubtful is what correlates too little, what fits in several places, and what leaves an edge undetermined.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import log

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.substream.view_fitting import Fit, Plane, fit
from vedette.view import WHOLE, View

Luma = NDArray[np.uint8]

_TINY, _SMALL, _FINE = 64, 96, 256
"""Sides of the pictures compared, in pixels: for the search, for what it found, and for the result."""
_SCALES = (0.5, 1.5)
_STEP = 1.06
_BEYOND = 0.3
"""How far the substream is sought beyond the main picture's edges."""
_NEIGHBOURHOOD = 4.0
_LEAST_CONTRAST = 3.0
"""Grey levels; less is noise and counts less."""
_CANDIDATES = 4
_APART = 0.1
"""Views whose edges differ by less are the same one."""
_LEAST_CORRELATION = 0.6
_LEAST_FINE_CORRELATION = 0.5
"""Noise and compression spoil fine detail first."""
_LEAST_LEAD = 0.1
"""Of the best over the next."""
_MOST_ERROR = 0.01
_SAME_EDGE = 0.005
_LEAST_TEXTURE = 0.15


@dataclass(frozen=True, slots=True)
class Match:
    """What matching found."""

    view: View
    correlation: float
    """Of the two pictures where both show something: at most 1, which is equality."""
    doubt: str | None = None
    """Why the view is not to be relied on, in words."""


def match(substream: Luma, main: Luma) -> Match:
    """The likeliest view; both pictures (H, W) as displayed. Takes a third of a second, and never fails."""
    if min(_texture(substream), _texture(main)) < _LEAST_TEXTURE:
        return Match(WHOLE, 0.0, "there is nothing to see")
    fits = _fits(substream, main, _SMALL, _candidates(substream, main))
    if not fits:
        return Match(WHOLE, 0.0, _TOO_DIFFERENT)
    best = max(fits, key=_correlation)
    lead = best.correlation - max((each.correlation for each in fits if each.view.apart(best.view) > _APART), default=0)
    for fine in _fits(substream, main, _FINE, [best.view]):
        return Match(_rounded(fine.view), round(fine.correlation, 3), _doubt(fine, best.correlation, lead))
    return Match(WHOLE, 0.0, _TOO_DIFFERENT)


_TOO_DIFFERENT = "the two pictures are too different"


def _doubt(fine: Fit, correlation: float, lead: float) -> str | None:
    if correlation < _LEAST_CORRELATION or fine.correlation < _LEAST_FINE_CORRELATION:
        return _TOO_DIFFERENT
    if lead < _LEAST_LEAD:
        return "several parts of the main picture fit"
    return "there is too little to see" if fine.error > _MOST_ERROR else None


def _candidates(substream: Luma, main: Luma) -> list[View]:
    """The likeliest views, roughly; the whole is always one."""
    margin = round(_BEYOND * _TINY)
    area = np.pad(_detail(main, _TINY, _TINY), margin)
    found: list[tuple[float, View]] = []
    for width, height in product(_sides(), repeat=2):
        scores = cv2.matchTemplate(area, _detail(substream, width, height), cv2.TM_CCORR_NORMED)
        _, score, _, (left, top) = cv2.minMaxLoc(scores)
        view = View((left - margin) / _TINY, (top - margin) / _TINY, width / _TINY, height / _TINY)
        found.append((score * view.shown**0.25, view))  # a small part is more easily alike by chance
    candidates = [WHOLE]
    for _, view in sorted(found, key=lambda each: -each[0]):
        if all(view.apart(other) > _APART for other in candidates[1:]):
            candidates.append(view)
        if len(candidates) > _CANDIDATES:
            break
    return candidates


def _sides() -> Iterator[int]:
    least, most = _SCALES
    return (round(_TINY * least * _STEP**step) for step in range(int(log(most / least) / log(_STEP)) + 1))


def _fits(substream: Luma, main: Luma, side: int, views: list[View]) -> list[Fit]:
    template, picture = (_detail(luma, side, side) for luma in (substream, main))
    fits = [fit(template, picture, view) for view in views]
    return [each for each in fits if each is not None]


def _correlation(each: Fit) -> float:
    return each.correlation


def _detail(luma: Luma, width: int, height: int) -> Plane:
    """At this size, what differs from the neighbourhood, over how much that varies there."""
    plane = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = plane - cv2.GaussianBlur(plane, (0, 0), _NEIGHBOURHOOD)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2 * _NEIGHBOURHOOD))
    return np.asarray(detail / (spread + _LEAST_CONTRAST), np.float32)


def _texture(luma: Luma) -> float:
    return float(_detail(luma, _SMALL, _SMALL).std())


def _rounded(view: View) -> View:
    """An edge that is nearly the main picture's is that."""
    left, top = (0.0 if abs(at) < _SAME_EDGE else round(at, 5) for at in (view.x, view.y))
    right, bottom = view.x + view.width, view.y + view.height
    right, bottom = (1.0 if abs(at - 1) < _SAME_EDGE else round(at, 5) for at in (right, bottom))
    return View(left, top, round(right - left, 5), round(bottom - top, 5))
