"""Vedette's ingest alone, in a process of its own: readers as a gateway's decode process runs them, and no bus.

Run as a script it prints a JSON line with what it counted, once a second.
"""

import argparse
import json
import sys
import threading
import time

from gateway.gate import GatePolicy
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes.messages import ReaderPlan
from gateway.reading.interface import DecodeOptions, ReadOptions, StreamInfo, Substream
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.substream.reader import SubstreamReader


class Deaf:
    """An observer."""

    def on_stream(self, info: StreamInfo) -> None:
        pass

    def on_stalled(self, silent_s: float) -> None:
        pass

    def on_live(self) -> None:
        pass


def drop(frame: SampledFrame) -> None:
    """A sink."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--substream", help="of the one camera")
    parser.add_argument("--fps", type=float, required=True)
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--every-frame", action="store_true")
    args = parser.parse_args()
    sys.setswitchinterval(0.0005)
    options = ReadOptions(decode=DecodeOptions(every_frame=args.every_frame), gate=GatePolicy() if args.gate else None)
    outputs = [Output("people", 640, 85, Sampling(args.fps))]
    readers: list[Reader | SubstreamReader] = [Reader(url, outputs, drop, Deaf(), options) for url in args.urls]
    if args.substream:
        plan = ReaderPlan(args.urls[0], outputs, options)
        readers = [SubstreamReader(plan, Substream(args.substream), drop, Deaf())]
    for reader in readers:
        threading.Thread(target=reader.run, args=(threading.Event(),), daemon=True).start()
    while True:
        time.sleep(1)
        stats = [reader.stats for reader in readers]
        said = {name: sum(getattr(one, name) for one in stats) for name in ("packets", "decoded", "sampled", "corrupt")}
        print(json.dumps(said | {"gate": stats[0].gate, "decode": stats[0].decode}), flush=True)


if __name__ == "__main__":
    main()
