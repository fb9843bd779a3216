"""A decode process with defects, in place of `gateway.processes.decode_process`: each in the cameras of its name."""

import os
import threading
from collections.abc import Sequence
from typing import Any

from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes import hosted_reader
from gateway.processes.decode_process import main
from gateway.reading.reader import Reader
from gateway.reading.tap import Sink
from tests.gateway.run_gateway import sampled

JUNK = b"of a reader that was left behind"


class Broken(Reader):
    runs = 0

    def __init__(self, url: str, outputs: Sequence[Output], sink: Sink, *others: Any) -> None:
        super().__init__(url, outputs, self.give, *others)
        self.sink = sink
        self.hangs = False

    def give(self, frame: SampledFrame) -> None:
        self.sink(frame)
        if self.hangs:
            threading.Event().wait()

    def run(self, stop: threading.Event) -> None:
        match threading.current_thread().name:
            case "camera-broken":
                raise ZeroDivisionError("a defect of rtsp://admin:s3cret@camera/1")
            case "camera-stuck":
                super().run(stop)
                Broken.runs += 1
                while Broken.runs == 1:  # in a library that heeds no stop
                    self.sink(sampled(JUNK))
            case "camera-hung":
                Broken.runs += 1
                self.hangs = Broken.runs == 1
                super().run(stop)
            case "camera-poison":
                os.abort()
            case _:
                super().run(stop)


if __name__ == "__main__":
    setattr(hosted_reader, "Reader", Broken)  # noqa: B010 -- a type checker is right to refuse it
    main()
