"""Draws an evaluation stream, picture by picture, and says where its objects really are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.objects import Actor, Sighting
from benchmarks.gate.stream_spec import FULL_HEIGHT, StreamSpec

Picture = NDArray[np.uint8]
CLOCK = ((0.01, 0.01), (0.34, 0.01), (0.34, 0.09), (0.01, 0.09))
"""Where the on-screen clock is, with its margin."""


@dataclass(frozen=True)
class Rendered:
    luma: Picture
    sightings: list[Sighting | None]
    """For each event: where its object is, None while it is not in view."""


def rendered(spec: StreamSpec) -> Iterator[Rendered]:
    """The stream's pictures, in order."""
    chance = np.random.default_rng([spec.seed, *spec.kind.encode()])
    world = _World(spec, chance)
    for index in range(round(spec.seconds * spec.fps)):
        yield world.picture(index / spec.fps)


def backdrop(width: int, height: int, chance: np.random.Generator) -> Picture:
    """Sky, walls, windows, ground, with detail on all scales: a street that nobody has the rights to."""
    picture = np.full((height, width), 110, np.float32)
    for cells, weight in ((4, 30), (12, 18), (40, 12), (120, 8), (360, 6)):
        coarse = chance.normal(0, 1, (max(2, cells * height // width), cells)).astype(np.float32)
        picture += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(chance.integers(6, 14))):
        _house(picture, chance)
    horizon = int(height * chance.uniform(0.1, 0.35))
    picture[:horizon] = 0.4 * picture[:horizon] + 0.6 * 190
    return np.clip(picture, 12, 238).astype(np.uint8)


def _house(picture: NDArray[np.float32], chance: np.random.Generator) -> None:
    height, width = picture.shape
    wide, high = int(width * chance.uniform(0.05, 0.3)), int(height * chance.uniform(0.08, 0.4))
    x, y = int(chance.integers(0, width - wide)), int(chance.integers(0, height - high))
    wall = picture[y : y + high, x : x + wide]
    wall += chance.uniform(-60, 60)
    step = int(chance.integers(14, 60))
    for top in range(step // 2, high - step, step):
        for left in range(step // 2, wide - step, step):
            wall[top : top + step // 2, left : left + step // 3] += chance.uniform(-50, 50)


class _World:
    def __init__(self, spec: StreamSpec, chance: np.random.Generator) -> None:
        self._spec = spec
        self._chance = chance
        self._margin = 16
        margin = 2 * self._margin
        self._scene = backdrop(spec.width + margin, spec.height + margin, chance)
        self._actors = [Actor(event, spec, chance) for event in spec.events]
        self._leaves = [_Leaves(self._scene, chance) for _ in range(4)] if spec.foliage else []
        self._noise = chance.normal(0, spec.noise, (spec.height + 256, spec.width + 256)).astype(np.float32)
        self._wind = chance.uniform(0, 2 * math.pi, 6)
        self._steps = np.cumsum(chance.uniform(4, 16, 30))
        self._gains = chance.uniform(0.8, 1.22, 31)

    def picture(self, time_s: float) -> Rendered:
        spec = self._spec
        scene = self._scene.copy()
        for leaves in self._leaves:
            leaves.draw(scene, spec.foliage * spec.height / FULL_HEIGHT, time_s, self._gust(time_s))
        view = self._view(scene, time_s)
        sightings = [actor.draw(view, time_s) for actor in self._actors]
        light = spec.brightness * (self._exposure(time_s) if spec.exposure else 1.0)
        sensed = view.astype(np.float32) * np.float32(light)
        down, right = (int(value) for value in self._chance.integers(0, 256, 2))
        sensed += self._noise[down : down + spec.height, right : right + spec.width]
        luma = np.clip(sensed + 0.5, 0, 255).astype(np.uint8)
        if spec.clock:
            self._draw_clock(luma, time_s)
        return Rendered(luma, sightings)

    def _gust(self, time_s: float) -> float:
        """0–1.2, in waves of some seconds: a wind."""
        waves = (0.9 * time_s / 3 + self._wind[0], time_s / 7 + self._wind[1])
        return max(0.0, 0.6 + 0.4 * math.sin(waves[0]) + 0.3 * math.sin(2 * math.pi * waves[1]))

    def _view(self, scene: Picture, time_s: float) -> Picture:
        """The scene from a mast that may sway."""
        spec, margin = self._spec, self._margin
        if not spec.shake:
            return scene[margin:-margin, margin:-margin]
        reach = spec.shake * spec.height / FULL_HEIGHT * self._gust(time_s)
        right = reach * math.sin(2 * math.pi * 1.3 * time_s + self._wind[2])
        down = 0.6 * reach * math.sin(2 * math.pi * 1.9 * time_s + self._wind[3])
        move = np.array([[1, 0, right - margin], [0, 1, down - margin]], np.float32)
        return np.asarray(cv2.warpAffine(scene, move, (spec.width, spec.height)), np.uint8)

    def _exposure(self, time_s: float) -> float:
        """The camera's gain: a step takes 0.4 s; and light that drifts."""
        index = int(np.searchsorted(self._steps, time_s))
        since_s = time_s - self._steps[index - 1] if index else 1.0
        part = min(1.0, since_s / 0.4)
        gain = self._gains[index] * part + self._gains[max(0, index - 1)] * (1 - part)
        return float(gain * (1 + 0.05 * math.sin(time_s / 9 + self._wind[4])))

    def _draw_clock(self, luma: Picture, time_s: float) -> None:
        scale = luma.shape[0] / 720
        words = f"2026-11-22 10:{int(time_s // 60):02}:{int(time_s % 60):02}"
        at = (round(0.02 * luma.shape[1]), round(0.065 * luma.shape[0]))
        cv2.putText(luma, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9 * scale, 0, max(1, round(5 * scale)))
        cv2.putText(luma, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9 * scale, 255, max(1, round(2 * scale)))


class _Leaves:
    """A patch of the scene in which everything sways, each part in its own time."""

    def __init__(self, scene: Picture, chance: np.random.Generator) -> None:
        height, width = scene.shape
        self._high, self._wide = (int(height * chance.uniform(0.12, 0.3)) for _ in range(2))
        self._y = int(chance.integers(0, height - self._high))
        self._x = int(chance.integers(0, width - self._wide))
        detail = chance.normal(0, 1, (self._high // 4 + 1, self._wide // 4 + 1)).astype(np.float32)
        texture = 70 + 35 * cv2.resize(detail, (self._wide, self._high), interpolation=cv2.INTER_CUBIC)
        self._texture = np.clip(texture, 15, 235).astype(np.uint8)
        phase = chance.normal(0, 1.5, (5, 5)).astype(np.float32)
        self._phase = cv2.resize(phase, (self._wide, self._high), interpolation=cv2.INTER_CUBIC)
        self._columns, self._rows = np.meshgrid(
            np.arange(self._wide, dtype=np.float32), np.arange(self._high, dtype=np.float32)
        )
        self._hertz = chance.uniform(0.4, 1.2)
        edge = np.minimum.reduce(
            [self._columns, self._rows, self._wide - 1 - self._columns, self._high - 1 - self._rows]
        )
        self._hold = np.clip(edge / 12, 0, 1)

    def draw(self, scene: Picture, reach: float, time_s: float, gust: float) -> None:
        sway = np.float32(2 * math.pi * self._hertz * time_s) + self._phase
        right = reach * gust * self._hold * np.sin(sway)
        down = 0.5 * reach * gust * self._hold * np.cos(1.3 * sway)
        moved = cv2.remap(
            self._texture,
            (self._columns + right).astype(np.float32),
            (self._rows + down).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        scene[self._y : self._y + self._high, self._x : self._x + self._wide] = moved
