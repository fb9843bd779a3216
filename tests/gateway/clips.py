"""Small clips in every codec, encoded by the tests (the product encodes no video): a scene that is known exactly."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray

os.environ.setdefault("SVT_LOG", "1")  # errors only
Picture = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""
FPS = 10


def scene(width: int, height: int, index: int) -> Picture:
    """Soft colours that move a little from picture to picture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    phase = index / 10
    waves = [
        np.sin(x / width * 5 + phase),
        np.cos(y / height * 4 + x / width * 2),
        np.sin((x / width + y / height) * 4 + 2 - phase),
    ]
    return np.stack([127.5 + 90 * wave for wave in waves], axis=2).round().astype(np.uint8)


@dataclass(frozen=True)
class Recipe:
    """How a clip is made."""

    encoder: str
    pixels: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()
    full_range: bool = False
    suffix: str = ".mkv"


RECIPES = {
    "vp8": Recipe("libvpx", options=(("deadline", "realtime"), ("cpu-used", "8"))),
    "vp9": Recipe("libvpx-vp9", options=(("deadline", "realtime"), ("cpu-used", "8"))),
    "vp9-full": Recipe("libvpx-vp9", options=(("deadline", "realtime"), ("cpu-used", "8")), full_range=True),
    "av1": Recipe("libsvtav1", options=(("preset", "12"),)),
    "av1-10bit": Recipe("libsvtav1", "yuv420p10le", (("preset", "12"),)),
}


def make(folder: Path, name: str, frames: int = 20, size: tuple[int, int] = (320, 240), gop: int = 10) -> Path:
    """The clip `name` of `RECIPES`, or `mjpeg`, at 10 fps."""
    pictures = [scene(*size, index) for index in range(frames)]
    if name == "mjpeg":
        return write_mjpeg(folder / "mjpeg.avi", pictures)
    recipe = RECIPES[name]
    path = folder / f"{name}{recipe.suffix}"
    with scheduled_as_before(), av.open(str(path), "w") as container:
        stream = container.add_stream(recipe.encoder, rate=FPS, options=dict(recipe.options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size, recipe.pixels, 1_000_000
        stream.codec_context.gop_size = gop
        stream.codec_context.color_range = 2 if recipe.full_range else 1
        for frame in _frames(pictures, recipe):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@contextmanager
def scheduled_as_before() -> Iterator[None]:
    """Run by root, SVT-AV1 gives the thread that encodes a real-time priority (SCHED_FIFO, 99), for good: from then on
    that process and all that it starts leave nothing of the machine to others."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def _frames(pictures: list[Picture], recipe: Recipe) -> Iterator[av.VideoFrame]:
    for index, picture in enumerate(pictures):
        rgb = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = rgb.reformat(format=recipe.pixels, dst_colorspace=5, dst_color_range=2 if recipe.full_range else 1)
        frame.pts = index
        yield frame


def jpegs(pictures: list[Picture]) -> list[bytes]:
    """As cameras make them: baseline, 4:2:0, the standard's Huffman tables."""
    return [simplejpeg.encode_jpeg(picture, quality=90, colorsubsampling="420") for picture in pictures]


def write_mjpeg(path: Path, pictures: list[Picture]) -> Path:
    height, width, _ = pictures[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for index, data in enumerate(jpegs(pictures)):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, index, index, True
            packet.time_base = Fraction(1, FPS)
            container.mux(packet)
    return path
