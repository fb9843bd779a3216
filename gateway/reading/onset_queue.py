"""Frames that were sampled late: held until the gate opens, then let out one after the other. Pure."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from gateway.pictures.sampled_frame import SampledFrame

_HOLD_S = 5.0
_HOLD_FRAMES = 128
_STEP_S = 0.2
"""Between two frames that are let out, or half of the sampling interval: the bus keeps one frame a camera, the latest,
so of a burst only the last would be seen."""


class OnsetQueue:
    """One pipeline's frames, in order. While some are to be let out still, those that follow queue behind them."""

    def __init__(self) -> None:
        self.paced = True
        """False: all come at once, for a sink that takes its time."""
        self._held: deque[tuple[float, SampledFrame]] = deque(maxlen=_HOLD_FRAMES)
        self._late: deque[SampledFrame] = deque(maxlen=2 * _HOLD_FRAMES)
        self._let_out_s = 0.0

    @property
    def waiting(self) -> bool:
        """Whether some are to be let out still."""
        return bool(self._late)

    def hold(self, frame: SampledFrame, time_s: float) -> None:
        """Keep a frame of which it isn't known yet whether it is wanted, for a few seconds; `time_s` is the gate's."""
        while self._held and not 0 <= time_s - self._held[0][0] <= _HOLD_S:
            self._held.popleft()
        self._held.append((time_s, frame))

    def forget(self) -> None:
        """What is held is not wanted."""
        self._held.clear()

    def release(
        self, from_s: float, after_s: float | None, each: Callable[[SampledFrame], None] | None = None
    ) -> float | None:
        """What is held is wanted, from the time `from_s` on and after `after_s`; returns the last one's time. `each` is
        called with every frame that is wanted."""
        wanted = [(time_s, frame) for time_s, frame in self._held if time_s >= from_s]
        if after_s is not None:
            wanted = [(time_s, frame) for time_s, frame in wanted if time_s > after_s]
        for _, frame in wanted:
            self._late.append(frame)
            if each is not None:
                each(frame)
        self._held.clear()
        return wanted[-1][0] if wanted else after_s

    def follow(self, frame: SampledFrame) -> None:
        """A frame that is wanted, behind those that wait."""
        self._late.append(frame)

    def due(self, now_s: float, interval_s: float) -> Iterator[SampledFrame]:
        """The frames to let out at `now_s` (monotonic), where a frame is sampled every `interval_s`.

        They are marked: their age counts from now on.
        """
        step_s = min(_STEP_S, interval_s / 2) if self.paced else 0.0
        while self._late and now_s - self._let_out_s >= step_s:
            self._let_out_s = now_s if step_s else 0.0
            yield replace(self._late.popleft(), gate="onset", released_monotonic=now_s)
