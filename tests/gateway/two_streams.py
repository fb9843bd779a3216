"""Clips of one scene as a camera's main stream and its substream would show it: a real picture, a purple door that
nobody may see, and, for a while, somebody who walks.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from tests.gateway.run_reader import PEDESTRIANS
from vedette.view import WHOLE, View

FPS = 10
DOOR = (0.55, 0.5, 0.15, 0.3)
"""x, y, width, height in the main picture."""
DOOR_POLYGON = ((0.55, 0.5), (0.7, 0.5), (0.7, 0.8), (0.55, 0.8))
WALKER = (0.05, 0.3)
"""Width and height."""
CUT = View(0.125, 0.0, 0.75, 1.0)
"""A 4:3 picture of the middle of a 16:9 one."""

_MARGIN = 0.25
"""Of the scene, around the main picture."""
_SCENE = (1200, 675)

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Stream:
    """What a stream shows."""

    size: tuple[int, int]
    view: View = WHOLE
    seconds: float = 4.0
    moving: tuple[float, float] = (0.0, 0.0)
    """From when till when somebody walks."""
    gop: int = 5
    dark: bool = False
    """Nothing but noise can be seen."""

    def write(self, path: Path) -> Path:
        rng, scene = np.random.default_rng(1), _scene()
        noise = [rng.normal(0, 2, (*self.size[::-1], 3)) for _ in range(4)]
        options = {"preset": "ultrafast", "g": str(self.gop), "sc_threshold": "0", "bf": "0"}
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = *self.size, "yuv420p"
            stream.time_base = Fraction(1, FPS)
            for number in range(round(self.seconds * FPS)):
                shown = self._shown(self._walked(scene, number / FPS)).astype(np.float64)
                picture = np.clip(shown * (not self.dark) + 16 * self.dark + noise[number % 4], 0, 255)
                planes = cv2.cvtColor(picture.astype(np.uint8), cv2.COLOR_BGR2YUV_I420)
                frame = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    def _shown(self, scene: Pixels) -> Pixels:
        width, height = _SCENE
        (left, right), (top, bottom) = (
            [round(side * (_MARGIN + at * (1 - 2 * _MARGIN))) for at in (offset, offset + scale)]
            for side, offset, scale in ((width, self.view.x, self.view.width), (height, self.view.y, self.view.height))
        )
        return np.asarray(cv2.resize(scene[top:bottom, left:right], self.size, interpolation=cv2.INTER_AREA), np.uint8)

    def _walked(self, scene: Pixels, now_s: float) -> Pixels:
        begin_s, end_s = self.moving
        if not begin_s <= now_s < end_s:
            return scene
        scene = scene.copy()
        _fill(scene, (0.2 + 0.15 * (now_s - begin_s), 0.4, *WALKER), (235, 235, 235))
        return scene


def first_picture(video: Path) -> Pixels:
    with av.open(str(video)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="bgr24"), np.uint8)


def _scene() -> Pixels:
    scene = np.asarray(cv2.resize(first_picture(PEDESTRIANS), _SCENE, interpolation=cv2.INTER_CUBIC), np.uint8)
    _fill(scene, DOOR, (255, 0, 255))
    return scene


def _fill(scene: Pixels, box: tuple[float, float, float, float], bgr: tuple[int, int, int]) -> None:
    """In the main picture's fractions."""
    height, width = scene.shape[:2]
    x, y, w, h = box
    left, right = (round(width * (_MARGIN + at * (1 - 2 * _MARGIN))) for at in (x, x + w))
    top, bottom = (round(height * (_MARGIN + at * (1 - 2 * _MARGIN))) for at in (y, y + h))
    scene[top:bottom, left:right] = bgr


def purple(picture: Pixels) -> float:
    """How much of a picture is purple, as the door is."""
    blue, green, red = (picture[:, :, channel].astype(int) for channel in range(3))
    return float((np.minimum(blue, red) - green > 40).mean())
