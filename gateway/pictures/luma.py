"""The small grey picture of a frame that the activity gate looks at."""

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from gateway.pictures.orientations import Orientations

_LONG_SIDE = 320


class LumaScaler:
    """Scales luma by averaging areas, in one swscale pass. Keeps its context: one stream's, used by one thread."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()
        self._orientations = Orientations()

    def luma(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """(H, W) as displayed, but with the pixels' own aspect; the longer side has 320, or is the frame's own.

        Grey levels are the stream's, in its own range. Raises av.FFmpegError where swscale can't read the frame.
        """
        scale = min(1.0, _LONG_SIDE / max(frame.width, frame.height))
        scaled = self._scaler.reformat(
            frame,
            width=max(1, round(frame.width * scale)),
            height=max(1, round(frame.height * scale)),
            format="gray8",
            # Both the same, whichever: the range stays as it is.
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.AREA,
            threads=1,
        )
        plane = scaled.planes[0]
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return self._orientations.of(frame).apply(pixels[: plane.height, : plane.width]).copy()
