"""What Vedette is held against: one process that decodes paced cameras and infers, and knows no bus.

A thread a camera (PyAV, `thread_type` NONE, every packet decoded), sampled frames scaled by swscale straight to the
model's size in BGR, the same fused graph in ONNX Runtime sessions of one thread. Run as a script it prints a JSON line
with what it did, once a second.
"""

import argparse
import json
import queue
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from inference.preprocess import place
from inference.repository.folder import Repository
from inference.runtime.session import open_session

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--fps", type=float, required=True)
    parser.add_argument("--sessions", type=int, default=2)
    args = parser.parse_args()
    sys.setswitchinterval(0.0005)
    model = Repository(ROOT / "models").resolve("coco-detector")
    pictures: queue.Queue[np.ndarray] = queue.Queue(maxsize=8)
    done = [0] * args.sessions
    dropped = [0]

    def infer(index: int) -> None:
        session = open_session(model, "cpu", 1)
        while True:
            session.run([pictures.get()[np.newaxis]])
            done[index] += 1

    def camera(url: str) -> None:
        container = av.open(url, options={"rtsp_transport": "tcp", "fpsprobesize": "0"}, timeout=(10, 10))
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        reformatter, due_s = VideoReformatter(), 0.0
        for frame in container.decode(stream):
            time_s = frame.time or 0.0
            if time_s < due_s - 0.02:
                continue
            due_s = time_s + 1 / args.fps
            placement = place(frame.width, frame.height, model.card.input_of(model.version))
            small = reformatter.reformat(
                frame,
                width=placement.width,
                height=placement.height,
                format="bgr24",
                interpolation=Interpolation.AREA,
                threads=1,
            )
            slot = np.zeros((placement.input_height, placement.input_width, 3), np.uint8)
            inside = slot[
                placement.top : placement.top + placement.height, placement.left : placement.left + placement.width
            ]
            inside[:] = small.to_ndarray()
            try:
                pictures.put_nowait(slot)
            except queue.Full:
                dropped[0] += 1

    for index in range(args.sessions):
        threading.Thread(target=infer, args=(index,), daemon=True).start()
    for url in args.urls:
        threading.Thread(target=camera, args=(url,), daemon=True).start()
    while True:
        time.sleep(1)
        print(json.dumps({"inferred": sum(done), "dropped": dropped[0]}), flush=True)


if __name__ == "__main__":
    main()
