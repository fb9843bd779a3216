"""What further models of a cascade are held against: threads that decode the same crops and run the same graphs.

No bus, no batcher, nobody to answer. Crops are files `<model>-<number>.jpg` of a folder; prints a JSON line a second.
"""

import argparse
import json
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.processes import ROOT
from inference.preprocess import fill, jpeg_size, place
from inference.repository.folder import Repository
from inference.runtime.session import open_session


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("crops", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    models = [Repository(ROOT / "models").resolve(name) for name in args.models]
    crops = [[file.read_bytes() for file in sorted(args.crops.glob(f"{name}-*.jpg"))] for name in args.models]
    done = [0] * args.threads

    def loop(index: int) -> None:
        sessions = [open_session(model, "cpu", 1) for model in models]
        specs = [model.card.input_of(model.version) for model in models]
        slots = [np.zeros((1, *spec.smallest, 3), np.uint8) for spec in specs]
        while True:
            for session, spec, slot, own in zip(sessions, specs, slots, crops, strict=True):
                jpeg = own[done[index] % len(own)]
                fill(slot[0], jpeg, place(*jpeg_size(jpeg), spec), spec.pad, spec.colour)
                session.run([slot])
            done[index] += 1

    for index in range(args.threads):
        threading.Thread(target=loop, args=(index,), daemon=True).start()
    while True:
        time.sleep(0.2)
        print(json.dumps({"faces": sum(done)}), flush=True)


if __name__ == "__main__":
    main()
