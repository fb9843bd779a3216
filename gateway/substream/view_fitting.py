"""A view that is roughly known, made exact: the four numbers with which two pictures differ least. Pure.

Lucas and Kanade's method (S. Baker, I. Matthews: Lucas-Kanade 20 Years On, International Journal of Computer Vision
56, 2004), forwards additive, with gain and bias as two more unknowns (part 3 of the same).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.view import View

Plane = NDArray[np.float32]
_Any = NDArray[np.floating | np.integer]
"""What cv2 says that it gives."""

_BLURS = (2.5, 1.0)
"""Pixels: far steps first."""
_ROUNDS = 20
_STILL = 2e-5
_MOST_STEP = 0.05
_LEAST_SHOWN = 0.15
_LEAST_GAIN = 0.05
_LEAST_SIDE = 0.2
_EDGES = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]])


@dataclass(frozen=True, slots=True)
class Fit:
    """A view that fits best near where it was sought."""

    view: View
    correlation: float
    error: float
    """Standard deviation of the least certain edge, in fractions of the main picture, as far as noise makes it."""


def fit(template: Plane, picture: Plane, start: View) -> Fit | None:
    """Where in `picture` the `template` is, both (N, N) of zero mean; None where it goes nowhere near `start`."""
    view, found = start, None
    for blur in _BLURS:
        level = _Level(template, picture, blur)
        for _ in range(_ROUNDS):
            found = level.look(view)
            if found is None or not _sane(found.next):
                return None
            view, before = View(*(float(value) for value in found.next)), view
            if view.apart(before) < _STILL:
                break
    assert found is not None  # noqa: S101 -- there is a round at least
    return Fit(view, found.correlation, found.error)


def _sane(numbers: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(numbers).all()) and min(numbers[2:]) >= _LEAST_SIDE


@dataclass(frozen=True, slots=True)
class _Look:
    next: NDArray[np.float64]
    """The view's numbers after a step."""
    correlation: float
    error: float


class _Level:
    """Both pictures, blurred."""

    def __init__(self, template: Plane, picture: Plane, blur: float) -> None:
        side = self._side = template.shape[0]
        self._blur = blur
        self._goal, plane = (cv2.GaussianBlur(each, (0, 0), blur) for each in (template, picture))
        by_x, by_y = (cv2.Sobel(plane, cv2.CV_32F, *by, scale=side / 8) for by in ((1, 0), (0, 1)))
        self._planes: tuple[_Any, ...] = plane, by_x, by_y
        at = (np.arange(side) + 0.5) / side
        self._at = np.broadcast_to(at, (side, side)), np.broadcast_to(at[:, None], (side, side))

    def look(self, view: View) -> _Look | None:
        """Compare; None where too little is common to both, or it is the opposite."""
        shown = self._moved(np.ones_like(self._goal), view) > 0.99
        if shown.mean() < _LEAST_SHOWN:
            return None
        picture, by_x, by_y = (self._moved(plane, view)[shown] for plane in self._planes)
        goal, u, v = self._goal[shown], self._at[0][shown], self._at[1][shown]
        system = np.stack([by_x, by_y, by_x * u, by_y * v, picture, np.ones_like(picture)], axis=1)
        squares = system.T @ system + 1e-6 * np.eye(6)
        solution = np.linalg.solve(squares, system.T @ goal)
        gain = solution[4]
        spread = float(picture.std() * goal.std())
        if gain < _LEAST_GAIN or not spread:
            return None
        step = np.clip(solution[:4] / gain, -_MOST_STEP, _MOST_STEP)
        left = goal - system @ solution
        return _Look(
            next=np.array([view.x, view.y, view.width, view.height]) + step,
            correlation=float(np.mean((picture - picture.mean()) * (goal - goal.mean()))) / spread,
            error=self._error(squares, float(left.var()) / gain**2),
        )

    def _moved(self, plane: _Any, view: View) -> _Any:
        """What the picture shows at the view, at the template's size; centres of pixels are at whole numbers."""
        left, top = view.x * self._side + (view.width - 1) / 2, view.y * self._side + (view.height - 1) / 2
        warp = np.array([[view.width, 0, left], [0, view.height, top]])
        return cv2.warpAffine(plane, warp, (self._side, self._side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)

    def _error(self, squares: NDArray[np.float64], variance: float) -> float:
        """By the normal equations' inverse; what is blurred together counts once."""
        covariance = np.linalg.inv(squares)[:4, :4] * variance * 4 * np.pi * self._blur**2
        return float(np.sqrt(np.diag(_EDGES @ covariance @ _EDGES.T).max()))
