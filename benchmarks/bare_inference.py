"""As many sessions as Vedette has, running the same graph in a bare loop; prints a JSON line a second.

`--jpeg` decodes and places each picture too, as every worker must; without it tensors are ready in memory.
"""

import argparse
import json
import threading
import time

import numpy as np

from benchmarks.load import jpegs
from inference.preprocess import fill, jpeg_size, place
from inference.repository.folder import Repository
from inference.runtime.session import open_session


def main() -> None:
    from benchmarks.processes import ROOT

    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--jpeg", action="store_true")
    args = parser.parse_args()
    model = Repository(ROOT / "models").resolve("coco-detector")
    pictures, done = jpegs(), [0] * args.sessions
    placement = place(*jpeg_size(pictures[0]), model.card.input_of(model.version))

    def loop(index: int) -> None:
        session = open_session(model, "cpu", 1)
        slot = np.zeros((1, placement.input_height, placement.input_width, 3), np.uint8)
        for picture in pictures:
            fill(slot[0], picture, placement)
        while True:
            if args.jpeg:
                fill(slot[0], pictures[done[index] % len(pictures)], placement)
            session.run([slot])
            done[index] += 1

    for index in range(args.sessions):
        threading.Thread(target=loop, args=(index,), daemon=True).start()
    while True:
        time.sleep(1)
        print(json.dumps({"inferred": sum(done)}), flush=True)


if __name__ == "__main__":
    main()
