"""A motion detector in the manner of Frigate, to compare with: `motion_peer URL` decodes all and looks at 5 fps.

Written anew after what Frigate publishes (MIT), not a copy of it, and not Frigate itself:

- `frigate/ffmpeg_presets.py` (blakeblackshear/frigate, commit 00b5120): ffmpeg decodes every frame on the CPU, in two
  threads, and hands down `fps=5,scale=1280:720` as raw yuv420p through a pipe;
- `frigate/motion/improved_motion.py` (commit 001a0ce): luma at a height of 100 pixels, contrast stretched between the
  4th and 96th percentile as averaged over 50 frames, blurred; where it is 30 off a running average, dilated; contours
  of more than 10 pixels are motion; the average takes in a frame by 0.01, by 0.2 at first; while there is motion, only
  from the tenth frame of it on.

What Frigate does besides (object detection, tracking, recording, a process more to hand frames to) is left out, and
OpenCV's blur stands for SciPy's: it costs less than the original. A JSON line a second says how many frames were looked
at and in how many something moved.
"""

import json
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 1280, 720, 5
_SMALL = (100 * WIDTH // HEIGHT, 100)
_THRESHOLD, _LEAST_AREA, _LIGHTNING = 30, 10, 0.8
_SLOWLY, _AT_FIRST = 0.01, 0.2
_HISTORY, _PATIENCE = 50, 10

Luma = NDArray[np.uint8]


class RunningAverage:
    """Says where a picture is unlike the average of those before."""

    def __init__(self) -> None:
        self._average = np.zeros((_SMALL[1], _SMALL[0]), np.float32)
        self._contrast = np.tile(np.array([[0, 255]], np.uint8), (_HISTORY, 1))
        self._frames = 0
        self._moving = 0
        self._calibrating = True

    def look(self, luma: Luma) -> list[tuple[int, int, int, int]]:
        """The boxes (x, y, width, height, of the small picture) in which something moves in a luma picture (H, W)."""
        small: Any = self._stretched(cv2.resize(luma, _SMALL, interpolation=cv2.INTER_NEAREST))
        small = cv2.GaussianBlur(small, (3, 3), 1)
        unlike = cv2.absdiff(small, cv2.convertScaleAbs(self._average))
        _, mask = cv2.threshold(unlike, _THRESHOLD, 255, cv2.THRESH_BINARY)
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        areas = [cv2.contourArea(contour) for contour in contours]
        boxes = [cv2.boundingRect(c) for c, area in zip(contours, areas, strict=True) if area > _LEAST_AREA]
        self._calibrate(sum(areas) / small.size, len(boxes))
        self._moving = self._moving + 1 if boxes else 0
        if not boxes or self._moving >= _PATIENCE:
            cv2.accumulateWeighted(small, self._average, _AT_FIRST if self._calibrating else _SLOWLY)
        return [(int(x), int(y), int(wide), int(high)) for x, y, wide, high in boxes]

    def _stretched(self, small: Any) -> Any:
        low, high = (int(value) for value in np.percentile(small, (4, 96)))
        if low >= high:
            return small
        self._contrast[self._frames % _HISTORY] = low, high
        self._frames += 1
        least, most = self._contrast.mean(axis=0)
        return ((np.clip(small, least, most) - least) / (most - least) * 255).astype(np.uint8)

    def _calibrate(self, moving: float, boxes: int) -> None:
        if moving < 0.05 and boxes <= 4:
            self._calibrating = False
        if moving > _LIGHTNING:
            self._calibrating = True


def decoder(url: str) -> list[str]:
    """The program that decodes."""
    quiet = ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-threads", "2"]
    read = ["-avoid_negative_ts", "make_zero", "-fflags", "+genpts+discardcorrupt", "-rtsp_transport", "tcp"]
    live = ["-timeout", "10000000", "-use_wallclock_as_timestamps", "1", "-i", url, "-an"]
    small = ["-r", str(FPS), "-vf", f"fps={FPS},scale={WIDTH}:{HEIGHT}", "-threads", "2"]
    return [*quiet, *read, *live, *small, "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"]


def main(url: str) -> None:
    cv2.setNumThreads(1)
    average, looked, moved, said_s = RunningAverage(), 0, 0, 0.0
    with subprocess.Popen(decoder(url), stdout=subprocess.PIPE, bufsize=WIDTH * HEIGHT * 3 // 2) as process:
        assert process.stdout is not None
        while len(frame := process.stdout.read(WIDTH * HEIGHT * 3 // 2)) == WIDTH * HEIGHT * 3 // 2:
            moved += bool(average.look(np.frombuffer(frame, np.uint8, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)))
            looked += 1
            if time.monotonic() - said_s >= 1:
                said_s = time.monotonic()
                print(json.dumps({"frames": looked, "moving": moved}), flush=True)
    sys.exit("the stream has ended")


if __name__ == "__main__":
    main(sys.argv[1])
