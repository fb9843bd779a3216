"""A crowd that never was: walkers with known ids, as a detector would report them at a few frames a second.

They walk straight on at 0.4 to 1.6 box widths a second, turn now and then, and stand at times; boxes jitter by 4 % of
their size, one in twelve is missed, and whoever is hidden by two thirds behind a nearer one is not seen.
"""

import datetime as dt
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from vedette.messages import Detection, Detections, FrameRef, Model

START = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
MODEL = Model(name="none", version="1.0.0", digest="sha256:00")
WIDTH, HEIGHT = 1280, 720
_MISSED, _JITTER, _HIDDEN = 1 / 12, 0.04, 0.66

Box = tuple[float, float, float, float]
"""x, y of the top left corner, width, height; fractions of the picture."""


@dataclass(slots=True)
class Walker:
    """One of the crowd."""

    name: int
    x: float
    y: float
    """Of the feet."""
    speed: float
    """Box heights a second."""
    heading: float
    confidence: float

    @property
    def box(self) -> Box:
        height = 0.06 + 0.2 * self.y
        width = 0.4 * height * HEIGHT / WIDTH
        return self.x - width / 2, self.y - height, width, height

    def walk(self, chance: random.Random, dt_s: float) -> None:
        """Go on for `dt_s`; at the edge it turns back."""
        if chance.random() < 0.1 * dt_s:
            self.heading += chance.gauss(0, 1.2)
        if chance.random() < 0.05 * dt_s:
            self.speed = 0.0 if self.speed else chance.uniform(0.3, 0.9)
        height = self.box[3]
        self.x += self.speed * height * math.cos(self.heading) * dt_s * HEIGHT / WIDTH
        self.y += self.speed * height * 0.4 * math.sin(self.heading) * dt_s
        if not 0.05 < self.x < 0.95 or not 0.35 < self.y < 0.95:
            self.x, self.y = min(0.95, max(0.05, self.x)), min(0.95, max(0.35, self.y))
            self.heading += math.pi


def crowd(
    walkers: int, fps: float, seconds: float, seed: int, camera: str = "crowd"
) -> Iterator[tuple[Detections, tuple[int, ...]]]:
    """Messages, and for each of their detections whose it is."""
    chance = random.Random(seed)  # noqa: S311
    people = [
        Walker(
            name,
            chance.uniform(0.1, 0.9),
            chance.uniform(0.4, 0.9),
            chance.uniform(0.3, 0.9),
            chance.choice((0, math.pi)) + chance.gauss(0, 0.3),
            chance.uniform(0.55, 0.85),
        )
        for name in range(walkers)
    ]
    for seq in range(int(seconds * fps)):
        for walker in people:
            walker.walk(chance, 1 / fps)
        seen = [walker for walker in people if not _is_hidden(walker, people) and chance.random() > _MISSED]
        yield _message(seq, seq / fps, camera, [_found(one, chance) for one in seen]), tuple(one.name for one in seen)


def _is_hidden(walker: Walker, people: list[Walker]) -> bool:
    x, y, width, height = walker.box
    for other in people:
        left, top, wide, high = other.box
        across = min(x + width, left + wide) - max(x, left)
        down = min(y + height, top + high) - max(y, top)
        if other.y > walker.y and across > 0 and down > 0 and across * down > _HIDDEN * width * height:
            return True
    return False


def _found(walker: Walker, chance: random.Random) -> Detection:
    x, y, width, height = walker.box
    left = min(1.0, max(0.0, x + chance.gauss(0, _JITTER * width)))
    top = min(1.0, max(0.0, y + chance.gauss(0, _JITTER * height)))
    wide = width * math.exp(chance.gauss(0, _JITTER))
    high = height * math.exp(chance.gauss(0, _JITTER))
    bbox = tuple(round(value, 5) for value in (left, top, min(wide, 1 - left), min(high, 1 - top)))
    confidence = min(0.99, max(0.2, walker.confidence + chance.gauss(0, 0.08)))
    return Detection(label="person", confidence=round(confidence, 3), bbox=bbox)


def _message(seq: int, second: float, camera: str, found: list[Detection]) -> Detections:
    at = START + dt.timedelta(seconds=second)
    return Detections(
        site="bench",
        camera=camera,
        pipeline="people",
        frame=FrameRef(epoch=1, seq=seq, captured_at=at, arrived_at=at, clock="arrival", width=WIDTH, height=HEIGHT),
        model=MODEL,
        detections=tuple(found),
    )
