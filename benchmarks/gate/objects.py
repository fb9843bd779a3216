"""People and vehicles that walk and drive through an evaluation stream."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.stream_spec import FULL_HEIGHT, Event, StreamSpec

_FRACTION_BITS = 4
_VISIBLE = 0.3
"""The share of its pixels from which an object counts as in view."""
_FILLED = 0.4
"""Roughly the share of its box that it fills."""


@dataclass(frozen=True)
class Sighting:
    """Where an object is: x, y, width, height in 0–1 of the picture."""

    box: tuple[float, float, float, float]


class Actor:
    """An event's object. It comes from behind an edge (a door, a corner), goes its way and leaves behind another."""

    def __init__(self, event: Event, spec: StreamSpec, chance: np.random.Generator) -> None:
        self._event = event
        self._scale = spec.height / FULL_HEIGHT
        size = event.size_px * self._scale
        self._ratio = 0.4 if event.shape == "person" else 2.2
        wide = size * self._ratio
        self._forward = 1 if chance.random() < 0.5 else -1
        self._speed = event.heights_per_s * size * (0.35 if event.path == "approach" else 1.0)
        length = self._speed * self._walking_s
        room = spec.width - length - wide
        if room < 0:  # too fast for this picture: it goes as fast as it can
            self._speed *= max(0.0, spec.width - wide) / length
            length, room = max(0.0, spec.width - wide), 0.0
        self._from = chance.uniform(0, room) + (0 if self._forward > 0 else length)
        high = size * (1 + self._growth * event.stay_s)
        self._top = chance.uniform(0.05 * spec.height, max(0.06 * spec.height, spec.height - high - 2))
        self._climb = chance.uniform(-0.15, 0.15)
        self._tones = (event.contrast, event.contrast * chance.uniform(0.3, 1.0))
        self._stride = chance.uniform(1.4, 2.2)
        self._shade: float | None = None

    @property
    def _growth(self) -> float:
        return 0.12 if self._event.path == "approach" else 0.0

    @property
    def _walking_s(self) -> float:
        return self._event.stay_s * (0.5 if self._event.path == "halt" else 1.0)

    def draw(self, luma: NDArray[np.uint8], time_s: float) -> Sighting | None:
        """Put it into the picture; None if it is not in view."""
        since_s = time_s - self._event.start_s
        if not 0 <= since_s <= self._event.stay_s:
            return None
        high = self._event.size_px * self._scale * (1 + self._growth * since_s)
        wide = high * self._ratio
        way = self._way(since_s)
        left = self._from + self._forward * way
        top = self._top + self._climb * way
        x, y = math.floor(left) - 2, math.floor(top) - 2
        alpha, tones = self._shape(math.ceil(wide) + 5, math.ceil(high) + 5, left - x, top - y, high, since_s)
        self._reveal(alpha, since_s)
        box = self._blend(luma, alpha, tones, x, y)
        if box is None:
            return None
        height, width = luma.shape
        return Sighting((box[0] / width, box[1] / height, box[2] / width, box[3] / height))

    def _way(self, since_s: float) -> float:
        if self._event.path != "halt":
            return self._speed * since_s
        return self._speed * (
            min(since_s, self._walking_s / 2) + max(0.0, since_s - self._event.stay_s + self._walking_s / 2)
        )

    def _reveal(self, alpha: NDArray[np.float32], since_s: float) -> None:
        """It comes from behind an edge and goes behind one, at its own speed but within 0.3 s."""
        columns = alpha.shape[1]
        for shown, comes in ((since_s / 0.3, True), ((self._event.stay_s - since_s) / 0.3, False)):
            hidden = columns - round(columns * min(1.0, shown))
            if hidden and comes == (self._forward > 0):
                alpha[:, :hidden] = 0
            elif hidden:
                alpha[:, columns - hidden :] = 0

    def _shape(
        self, wide: int, high: int, left: float, top: float, size: float, since_s: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coverage (0–1) and grey levels off the background, of a small canvas."""
        canvas = np.zeros((high, wide), np.uint8)
        dark = np.zeros((high, wide), np.uint8)
        pen = _Pen(left, top, size)
        if self._event.shape == "person":
            moving = self._event.path != "halt" or self._way(since_s) != self._way(max(0.0, since_s - 0.1))
            swing = 0.16 * math.sin(2 * math.pi * self._stride * since_s) if moving else 0.05
            pen.circle(canvas, 0.2, 0.09, 0.09)
            pen.line(canvas, (0.2, 0.24), (0.2, 0.52), 0.22)
            pen.line(canvas, (0.2, 0.27), (0.2 - swing, 0.5), 0.07)
            for side in (-1, 1):
                pen.line(canvas, (0.2, 0.52), (0.2 + side * swing, 0.95), 0.1)
                pen.line(dark, (0.2, 0.52), (0.2 + side * swing, 0.95), 0.1)
        else:
            pen.polygon(canvas, [(0.02, 0.45), (0.5, 0.4), (0.8, 0.02), (1.5, 0.02), (1.8, 0.4), (2.18, 0.5)])
            pen.polygon(canvas, [(0.02, 0.45), (2.18, 0.5), (2.18, 0.85), (0.02, 0.85)])
            pen.polygon(dark, [(0.65, 0.4), (0.85, 0.1), (1.45, 0.1), (1.65, 0.4)])
            for middle in (0.45, 1.75):
                pen.circle(canvas, middle, 0.84, 0.15)
                pen.circle(dark, middle, 0.84, 0.15)
        part = dark.astype(np.float32) / 255
        tones = self._tones[0] * (1 - part) + self._tones[1] * part
        return (canvas / 255.0).astype(np.float32), tones.astype(np.float32)

    def _blend(
        self, luma: NDArray[np.uint8], alpha: NDArray[np.float32], tones: NDArray[np.float32], x: int, y: int
    ) -> tuple[float, float, float, float] | None:
        height, width = luma.shape
        x0, y0 = max(0, x), max(0, y)
        x1, y1 = min(width, x + alpha.shape[1]), min(height, y + alpha.shape[0])
        if x1 <= x0 or y1 <= y0:
            return None
        cover = alpha[y0 - y : y1 - y, x0 - x : x1 - x]
        ground = luma[y0:y1, x0:x1]
        if self._shade is None:
            self._shade = float(ground.mean())
        if self._shade + self._tones[0] > 245 or self._shade + self._tones[0] < 5:
            self._tones = (-self._tones[0], -self._tones[1])
        colour = self._shade + tones[y0 - y : y1 - y, x0 - x : x1 - x]
        mixed = ground * (1 - cover) + colour * cover
        luma[y0:y1, x0:x1] = np.clip(mixed, 0, 255).astype(np.uint8)
        if float(cover.sum()) < _VISIBLE * _FILLED * alpha.size:
            return None
        return (x0, y0, x1 - x0, y1 - y0)


class _Pen:
    """Draws in units of the object's height, with parts of pixels."""

    def __init__(self, left: float, top: float, size: float) -> None:
        self._left, self._top, self._size = left, top, size

    def _at(self, x: float, y: float) -> tuple[int, int]:
        unit = 1 << _FRACTION_BITS
        return round((self._left + x * self._size) * unit), round((self._top + y * self._size) * unit)

    def line(
        self, canvas: NDArray[np.uint8], start: tuple[float, float], end: tuple[float, float], wide: float
    ) -> None:
        (x0, y0), (x1, y1) = start, end
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        across = (wide / 2 * (y1 - y0) / length, -wide / 2 * (x1 - x0) / length)
        self.polygon(
            canvas,
            [
                (x0 + across[0], y0 + across[1]),
                (x1 + across[0], y1 + across[1]),
                (x1 - across[0], y1 - across[1]),
                (x0 - across[0], y0 - across[1]),
            ],
        )

    def circle(self, canvas: NDArray[np.uint8], x: float, y: float, radius: float) -> None:
        reach = round(radius * self._size * (1 << _FRACTION_BITS))
        cv2.circle(canvas, self._at(x, y), reach, 255, cv2.FILLED, cv2.LINE_AA, _FRACTION_BITS)

    def polygon(self, canvas: NDArray[np.uint8], corners: list[tuple[float, float]]) -> None:
        points = np.array([self._at(*corner) for corner in corners], np.int32)
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, _FRACTION_BITS)
