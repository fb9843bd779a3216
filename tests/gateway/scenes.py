"""Scenes that are still but for noise and, for a while, a person-sized box that walks through; encoded as asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np


@dataclass(frozen=True)
class Scene:
    """640x360 at 25 fps; keyframes every `gop` frames, and nowhere else."""

    seconds: float
    moving: tuple[float, float] = (0.0, 0.0)
    """From when till when the box walks."""
    gop: int = 50
    fps: int = 25
    size: tuple[int, int] = (640, 360)
    options: Mapping[str, str] = field(default_factory=dict)
    """Of x264."""
    seed: int = 1

    def write(self, path: Path) -> Path:
        rng = np.random.default_rng(self.seed)
        width, height = self.size
        coarse = rng.integers(60, 200, (height // 20, width // 20), np.uint8)
        ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noise = [np.round(rng.normal(0, 2, (height, width))).astype(np.int16) for _ in range(8)]
        chroma = np.full((height // 2, width), 128, np.uint8)
        options = {"preset": "ultrafast", "g": str(self.gop), "sc_threshold": "0", "bf": "0", **self.options}
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=self.fps, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.time_base = Fraction(1, self.fps)
            for number in range(round(self.seconds * self.fps)):
                luma = ground + noise[rng.integers(8)]
                self._walk(luma, number / self.fps)
                planes = np.concatenate([np.clip(luma, 0, 255).astype(np.uint8), chroma])
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    def _walk(self, luma: np.ndarray, now_s: float) -> None:
        begin_s, end_s = self.moving
        if begin_s <= now_s < end_s:
            left = int(40 + (now_s - begin_s) * 120) % (self.size[0] - 40)
            luma[150:260, left : left + 36] = 235
