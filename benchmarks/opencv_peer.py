"""The usual OpenCV loop, to compare with: `opencv_peer URL FPS` grabs every frame and retrieves FPS a second.

One decoding thread, which costs the least CPU. A JSON line a second says how many frames were retrieved.
"""

import json
import os
import sys
import time

import cv2


def main(url: str, fps: float) -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    retrieved, due_s, said_s = 0, time.monotonic(), 0.0
    while capture.grab():
        now_s = time.monotonic()
        if now_s >= due_s:
            came, _picture = capture.retrieve()
            retrieved += came
            due_s = max(due_s + 1 / fps, now_s)
        if now_s - said_s >= 1:
            said_s = now_s
            print(json.dumps({"frames": retrieved}), flush=True)
    sys.exit("the stream has ended")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
