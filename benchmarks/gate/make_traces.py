"""`python -m benchmarks.gate.make_traces events|quiet FIRST_SEED LAST_SEED [KIND …]`: render and encode ahead."""

import sys
import time

from benchmarks.gate.encoding import need_ffmpeg
from benchmarks.gate.stream_spec import KINDS, quiet_stream, stream
from benchmarks.gate.trace import trace


def main() -> None:
    need_ffmpeg()
    what, first, last, *kinds = sys.argv[1:]
    specification = quiet_stream if what == "quiet" else stream
    for seed in range(int(first), int(last) + 1):
        for kind in kinds or KINDS:
            started_s = time.monotonic()
            made = trace(specification(kind, seed))
            print(
                f"{made.spec.name}: {len(made.sizes)} pictures, {len(made.looks)} looks, "
                f"{len(made.spec.events)} events, {time.monotonic() - started_s:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
