"""A reader in a decode process is told things while it doesn't play, too."""

from pathlib import Path
from time import monotonic

from gateway.gate import GatePolicy
from gateway.pictures.sampled_frame import SampledFrame
from gateway.processes.crash_file import CrashFile
from gateway.processes.hosted_reader import HostedReader
from gateway.processes.messages import Adjust, ReaderPlan
from gateway.processes.outbox import Outbox
from gateway.reading.interface import ReadOptions
from gateway.reading.sampler import Sampling
from tests.gateway.run_reader import output
from tests.gateway.scenes import Scene


class Frames(Outbox):
    """Keeps every frame."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[SampledFrame] = []

    def put_frame(self, reader: int, frame: SampledFrame) -> None:
        self.frames.append(frame)


def test_a_hint_that_comes_before_the_first_frame_keeps_the_gate_open(tmp_path: Path) -> None:
    still = Scene(15, (0, 0), gop=50, size=(320, 180)).write(tmp_path / "still.mp4")
    outbox, crash_file = Frames(), CrashFile.new("test")
    plan = ReaderPlan(str(still), [output(Sampling(5))], ReadOptions(gate=GatePolicy()))
    reader = HostedReader(0, "gate", plan, outbox, crash_file)
    reader.adjust(Adjust(0, "hint", (monotonic() + 9,)))
    reader.run()
    reader.join(within_s=30)
    crash_file.close()
    open_s = [frame.pts_s or 0.0 for frame in outbox.frames if frame.gate == "open"]
    assert 9 <= open_s[-1] < 14
