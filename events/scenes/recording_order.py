"""Puts a recording's frames in order: they come a little out of it, and each of them counts. Pure.

(A live camera's come in order; what comes late is of no use to a tracker any more, and the scene leaves it out.)
"""

from dataclasses import dataclass, field

from vedette.messages import DetectionsEvent

MOST_EARLY = 256
"""Frames that wait for one before them. Workers have 8 in hand, but where one dies the others go on until its frame has
been given to them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One detections message, and its position in the stream."""

    event: DetectionsEvent
    position: int

    @property
    def seq(self) -> int:
        """Of its recording."""
        return self.event.data.frame.seq


@dataclass(slots=True)
class RecordingOrder:
    """Sequences from 0 on without a gap, up to the frame that is marked final."""

    next_seq: int = 0
    finished: bool = False
    """The final frame was given out."""
    doubled: int = 0
    missing: int = 0
    """Frames that were waited for in vain."""
    _early: dict[int, Frame] = field(default_factory=dict)

    @property
    def waits_since(self) -> int | None:
        """Position of the first frame that is here and can't be given out yet; None where there is none."""
        return min((frame.position for frame in self._early.values()), default=None)

    def add(self, frame: Frame) -> list[Frame]:
        """The frames that can be given out now that `frame` is here."""
        if frame.seq < self.next_seq or frame.seq in self._early or self.finished:
            self.doubled += 1
            return []
        self._early[frame.seq] = frame
        if len(self._early) > MOST_EARLY:
            first = min(self._early)
            self.missing += first - self.next_seq
            self.next_seq = first
        return self._ready()

    def _ready(self) -> list[Frame]:
        ready = []
        while (frame := self._early.pop(self.next_seq, None)) is not None:
            ready.append(frame)
            self.next_seq += 1
            self.finished = frame.event.data.frame.final
        return ready
