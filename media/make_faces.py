"""Makes `media/faces.mp4`: portraits that come and go before a wall, for the pipeline `access`.

    python media/make_faces.py

Three scenes of 4 s, 10 frames a second, at 1280x720: one person, another one, both on other portraits.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
FPS, SCENE_FRAMES = 10, 40
WIDTH, HEIGHT = 1280, 720
SCENES = ((("obama", 400),), (("biden", 500),), (("obama2", 200), ("biden", 800)))
"""Portraits, and how far from the left each is at first."""
WALL = (150, 155, 160)
SWAY_PX = 2
"""A frame."""

Picture = NDArray[np.uint8]


def frames() -> Iterator[Picture]:
    """BGR [720, 1280, 3]."""
    for scene in SCENES:
        portraits = [(portrait(name), left) for name, left in scene]
        for number in range(SCENE_FRAMES):
            wall = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
            for picture, left in portraits:
                height, width = picture.shape[:2]
                begin = left + SWAY_PX * number
                wall[HEIGHT - height :, begin : begin + width] = picture
            yield wall


def portrait(name: str) -> Picture:
    picture = cv2.imread(str(ROOT / f"tests/media/faces/{name}.jpg"))
    if picture is None:
        raise FileNotFoundError(name)
    return np.asarray(picture, np.uint8)


def main() -> None:
    with av.open(str(ROOT / "media/faces.mp4"), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"crf": "26", "preset": "slow", "x264-params": "keyint=20:threads=1"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, picture in enumerate(frames()):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
