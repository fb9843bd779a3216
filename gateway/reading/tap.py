"""One pipeline's frames of a camera: which are taken, and when they are handed over. Pure."""

from collections.abc import Callable
from copy import copy

from gateway.pictures.decoded import Fate
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.reading.account import Account
from gateway.reading.interface import ReaderStats
from gateway.reading.onset_queue import OnsetQueue
from gateway.reading.sampler import Sampler

Sink = Callable[[SampledFrame], None]
"""Takes a frame, in the reading thread; of a recording it may block as long as it has to."""

_JUMP_S = 60.0
"""Time that runs back further than this has jumped, and was not gone through again."""


class Tap:
    """Frames are handed over in order, none twice, though a rewound stream shows some again."""

    def __init__(self, output: Output, sink: Sink, stats: ReaderStats, account: Account) -> None:
        self.output = output
        self.sampler = Sampler(output.sampling)
        self._before: Sampler | None = None
        """As it was before the first tentative frame."""
        self._queue = OnsetQueue()
        self._sink = sink
        self._stats = stats
        self._account = account
        self._given_s: float | None = None

    def begin(self, paced: bool) -> None:
        """Another source begins; `paced`: late frames are not handed over all at once."""
        self.forget()
        self._queue.paced = paced
        self._given_s = None

    def takes(
        self, pts_s: float | None, clock_s: float, keyframe: bool, snap_s: float, fate: Fate, time_s: float
    ) -> bool:
        """Whether a frame is to be encoded and given; `time_s` is the gate's, the others are as `Sampler.due` says."""
        if fate == "refresh":
            self.sampler.take(pts_s, clock_s)
            return True
        if fate in ("late", "tentative") and self._given_s is not None and 0 <= self._given_s - time_s < _JUMP_S:
            return False
        if fate == "tentative" and self._before is None:
            self._before = copy(self.sampler)
        return self.sampler.due(pts_s, clock_s, keyframe, snap_s)

    def give(self, frame: SampledFrame, fate: Fate, time_s: float, now_s: float) -> None:
        """A frame that was taken."""
        if fate == "tentative":
            self._queue.hold(frame, time_s)
            return
        self._given_s = time_s
        self._wanted(frame)
        if fate == "late" or self._queue.waiting:
            self._queue.follow(frame)
            self.let_out(now_s)
        else:
            self._hand_over(frame)

    def release(self, from_s: float) -> None:
        """The tentative frames are wanted, from this time on."""
        self._before = None
        self._given_s = self._queue.release(from_s, self._given_s, self._wanted)

    def forget(self) -> None:
        """The tentative frames are not wanted: it is as if they had never been offered."""
        if self._before is not None:
            self.sampler, self._before = self._before, None
        self._queue.forget()

    def let_out(self, now_s: float) -> None:
        """Hand over the late frames whose turn it is at `now_s` (monotonic)."""
        for frame in self._queue.due(now_s, self.sampler.interval_s or 1.0):
            self._hand_over(frame)

    def change(self, fps: float) -> None:
        """Take `fps` frames a second from now on."""
        for sampler in (self.sampler, self._before):
            if sampler is not None:
                sampler.change(fps)

    def _wanted(self, frame: SampledFrame) -> None:
        self._account.mark(frame.arrived_monotonic, "sampled")

    def _hand_over(self, frame: SampledFrame) -> None:
        self._stats.sampled += 1
        self._sink(frame)
