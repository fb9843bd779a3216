"""A reader in a thread of its own, with all that it gives and says kept for tests to look at."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, time

from gateway.errors import SourceError
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.reading.interface import ReadOptions, StreamInfo
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling

MEDIA = Path(__file__).parents[1] / "media"
PEDESTRIANS = Path(__file__).parents[2] / "media" / "pedestrians.mp4"
"""768x576, 400 frames at 10 fps, GOP 20, B-frames."""
WALK, WALK_H265, WALK_ODD = (MEDIA / f"walk-{name}.mp4" for name in ("320", "h265", "odd"))

EVERY = Sampling()


def output(sampling: Sampling = EVERY, width: int = 160, pipeline: str = "people") -> Output:
    return Output(pipeline, width, 85, sampling)


class Witness:
    """A sink and an observer that remember."""

    def __init__(self) -> None:
        self.frames: list[SampledFrame] = []
        self.infos: list[StreamInfo] = []
        self.stalls: list[float] = []
        self.lives = 0

    def take(self, frame: SampledFrame) -> None:
        self.frames.append(frame)

    def on_stream(self, info: StreamInfo) -> None:
        self.infos.append(info)

    def on_stalled(self, silent_s: float) -> None:
        self.stalls.append(silent_s)

    def on_live(self) -> None:
        self.lives += 1


def read(url: Path | str, sampling: Sampling = EVERY, options: ReadOptions | None = None) -> list[SampledFrame]:
    """All frames of a file."""
    witness = Witness()
    Reader(str(url), [output(sampling)], witness.take, witness, options).run(threading.Event())
    return witness.frames


class Run(Witness):
    """A reader that runs."""

    def __init__(self, url: str, outputs: Sequence[Output], options: ReadOptions) -> None:
        super().__init__()
        self.stop = threading.Event()
        self.reader = Reader(url, outputs, self.take, self, options)
        self.thread = asyncio.create_task(asyncio.to_thread(self.reader.run, self.stop))

    def arrived_at(self, frame: SampledFrame) -> float:
        """When a frame of this run arrived, Unix seconds."""
        return time() - (monotonic() - frame.arrived_monotonic)

    async def until(self, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        """Wait for a condition; fails when the reader ends before, or time is over."""
        deadline = monotonic() + within_s
        while not condition():
            if self.thread.done():
                self.thread.result()
                raise AssertionError("the reader returned")
            assert monotonic() < deadline, "not in time"
            await asyncio.sleep(0.01)

    async def failure(self, within_s: float = 30.0) -> SourceError:
        """The error with which the reader ends."""
        done, _ = await asyncio.wait([self.thread], timeout=within_s)
        assert done, "the reader did not end"
        error = self.thread.exception()
        assert isinstance(error, SourceError), error
        return error

    async def stopped_after(self) -> float:
        """Stop the reader; how many seconds it took to return."""
        started = monotonic()
        self.stop.set()
        await asyncio.wait_for(asyncio.shield(self.thread), 90)
        return monotonic() - started


@asynccontextmanager
async def running(
    url: Path | str, *samplings: Sampling, options: ReadOptions | None = None, width: int = 160
) -> AsyncIterator[Run]:
    """A reader with a pipeline a sampling; every frame is taken if none is named."""
    outputs = [output(sampling, width, f"p{n}") for n, sampling in enumerate(samplings or (EVERY,))]
    run = Run(str(url), outputs, options or ReadOptions())
    try:
        yield run
    finally:
        run.stop.set()
        await asyncio.wait([run.thread], timeout=90)
