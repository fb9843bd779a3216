"""Small pictures of a scene that a test makes up, and a caller that shows them to a gate."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.gate import ActivityGate, GatePolicy, Mode

Luma = NDArray[np.uint8]
SHAPE = (180, 320)
STEP_S = 0.2
GOP_S = 2.0


class Scene:
    """A textured scene with noise of one grey level; the same every time."""

    def __init__(self) -> None:
        chance = np.random.default_rng(7)
        coarse = chance.normal(0, 1, (45, 80)).astype(np.float32)
        self._noise = [chance.normal(0, 1, SHAPE).astype(np.float32) for _ in range(17)]
        self.ground = np.clip(120 + 40 * cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_CUBIC), 20, 230)

    def picture(self, box: tuple[float, float, int, int] | None = None, gain: float = 1.0) -> Luma:
        """With a bright thing at `box` (x, y, width, height in pixels)."""
        scene = self.ground.copy()
        if box is not None:
            x, y, width, height = round(box[0]), round(box[1]), box[2], box[3]
            scene[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = 235
        self._noise.append(self._noise.pop(0))
        noisy = np.clip(scene * np.float32(gain) + self._noise[0], 0, 255)
        return np.asarray(noisy, np.uint8)


class Camera:
    """Shows a gate what its mode says: keyframes every 2 s while it is idle, else 5 pictures a second.

    A gate that armed is shown the GOP before once more, as the reader does.
    """

    def __init__(self, policy: GatePolicy | None = None) -> None:
        self.gate = ActivityGate(policy or GatePolicy())
        self.scene = Scene()
        self.time_s = 0.0
        self.modes: list[Mode] = []
        self._buffered: list[tuple[float, Luma]] = []

    def run(self, seconds: float, shown: Callable[[float], Luma] | None = None) -> list[Mode]:
        """Modes after each step; `shown` gives the picture of a time, the empty scene where it is None."""
        modes = []
        for _ in range(round(seconds / STEP_S)):
            self._step(self.scene.picture() if shown is None else shown(self.time_s))
            modes.append(self.gate.mode)
            self.time_s = round(self.time_s + STEP_S, 6)
        return modes

    def settled(self) -> "Camera":
        """Past its first look at an empty scene."""
        assert self.run(20)[-1] is Mode.IDLE
        return self

    def _step(self, luma: Luma) -> None:
        keyframe = abs(self.time_s / GOP_S - round(self.time_s / GOP_S)) < 1e-6
        was_idle = self.gate.mode is Mode.IDLE
        self._buffered = [*self._buffered[1 - round(2 * GOP_S / STEP_S) :], (self.time_s, luma)]
        self.gate.packet(1000, self.time_s, keyframe)
        if not was_idle or (keyframe and self._idle):
            self.gate.look(luma, self.time_s)
        if was_idle:
            for time_s, kept in self._buffered:
                if not self._idle:
                    self.gate.look(kept, time_s)

    @property
    def _idle(self) -> bool:
        return self.gate.mode is Mode.IDLE
