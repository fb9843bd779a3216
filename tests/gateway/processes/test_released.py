"""What a run held of its source is free when the run has ended: a camera that comes and goes costs no memory.

The garbage collector is off meanwhile. It would free all this too, but when it likes: a decoder's pictures and seconds
of packets are a handful of objects, for which it sees no need to run.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from av import Packet, VideoFrame
from av.codec.context import CodecContext
from av.container import InputContainer

from gateway.gate import GatePolicy
from gateway.pictures.sampled_frame import SampledFrame
from gateway.processes.crash_file import CrashFile
from gateway.processes.hosted_reader import HostedReader
from gateway.processes.messages import Ended, ReaderPlan, Report
from gateway.processes.outbox import Outbox
from gateway.reading.interface import DecodeOptions, ReadOptions, Substream
from gateway.reading.playback import Playback
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from gateway.sources.opening import Source
from tests.gateway.run_reader import WALK, output
from tests.waiting import until

HELD: tuple[type[Any], ...] = (CodecContext, InputContainer, Packet, Playback, Source, VideoFrame)
GATED = ReadOptions(gate=GatePolicy())
CAMERAS = ("main", "small")


class Heard(Outbox):
    """Counts frames, and remembers how runs ended."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.ends: list[Ended] = []

    def put_frame(self, reader: int, frame: SampledFrame) -> None:
        self.frames += 1

    def put(self, report: Report) -> None:
        if isinstance(report, Ended):
            self.ends.append(report)


@pytest.fixture
def crash_file() -> Iterator[CrashFile]:
    file = CrashFile.new("test")
    yield file
    file.close()


@pytest.fixture
def held() -> Iterator[Callable[[], Counter[str]]]:
    """How much there is that was not there before, by kind; nothing is collected."""

    def there() -> Counter[str]:
        return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, HELD))

    gc.collect()
    gc.disable()
    before = there()
    yield lambda: there() - before
    gc.enable()


def plan(simulator: Simulator, options: ReadOptions, substream: bool) -> ReaderPlan:
    second = Substream(simulator.url("small")) if substream else None
    return ReaderPlan(simulator.url("main"), [output(Sampling(5))], options, substream=second)


@pytest.mark.parametrize(
    ("options", "substream"),
    [
        (ReadOptions(), False),
        (ReadOptions(transport="udp", decode=DecodeOptions(every_frame=True)), False),
        (GATED, False),
        (GATED, True),
    ],
    ids=["tcp", "udp", "gate", "substream"],
)
async def test_a_camera_that_goes_leaves_nothing_behind(
    held: Callable[[], Counter[str]], crash_file: CrashFile, options: ReadOptions, substream: bool
) -> None:
    async with Simulator([SimulatedCamera(name, WALK) for name in CAMERAS]) as simulator:
        heard = Heard()
        reader = HostedReader(0, "door", plan(simulator, options, substream), heard, crash_file)
        for _ in range(2):
            frames, ends = heard.frames, len(heard.ends)
            reader.run()
            await until(lambda frames=frames: heard.frames > frames, "frames")  # type: ignore[misc]
            assert held()["InputContainer"], "this test sees what a run holds"
            for name in CAMERAS:
                simulator.vanish(name)
            await until(lambda ends=ends: len(heard.ends) > ends, "the end of the run")  # type: ignore[misc]
            assert heard.ends[-1].reason is not None
            await until(lambda: not held(), lambda: f"free: {held()}")
            for name in CAMERAS:
                simulator.resume(name)


async def test_a_camera_that_is_not_there_leaves_nothing_behind(
    held: Callable[[], Counter[str]], crash_file: CrashFile, tmp_path: Path
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    for url in ("rtsp://127.0.0.1:9/none", str(text)):
        heard = Heard()
        reader = HostedReader(0, "door", ReaderPlan(url, [output()], ReadOptions()), heard, crash_file)
        reader.run()
        await until(lambda heard=heard: heard.ends, "the end of the run")  # type: ignore[misc]
        await until(lambda: not held(), lambda: f"free: {held()}")


async def test_a_file_that_has_ended_leaves_nothing_behind(
    held: Callable[[], Counter[str]], crash_file: CrashFile
) -> None:
    heard = Heard()
    reader = HostedReader(0, "door", ReaderPlan(str(WALK), [output()], GATED), heard, crash_file)
    reader.run()
    await until(lambda: heard.ends, "the end of the run")
    assert heard.ends[0].reason is None
    await until(lambda: not held(), lambda: f"free: {held()}")
