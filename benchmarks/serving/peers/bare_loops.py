"""The floor: two threads with a session each in a bare loop, no server. Prints how many it has done, once in 0.1 s.

KIND is raw (tensors ready in memory) or jpeg (each is decoded, from the file JPEG); BATCH rows a run.
"""

import os
import threading
import time
from pathlib import Path

import numpy as np
from work import Work

BATCH = int(os.environ["BATCH"])


def main() -> None:
    done = [0, 0]

    def loop(index: int) -> None:
        work = Work()
        jpeg = Path(os.environ["JPEG"]).read_bytes()
        ready = np.stack([work.picture(jpeg)] * BATCH)
        while True:
            batch = ready if os.environ["KIND"] == "raw" else np.stack([work.picture(jpeg) for _ in range(BATCH)])
            work.run(batch)
            done[index] += BATCH

    for index in range(len(done)):
        threading.Thread(target=loop, args=(index,), daemon=True).start()
    while True:
        time.sleep(0.1)
        print(sum(done), flush=True)


if __name__ == "__main__":
    main()
