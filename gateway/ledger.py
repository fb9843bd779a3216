"""What became of a feed's frames: a pure account, from published to served, superseded or expired.

A worker serves the latest frame of a camera. So when it says that it served `seq`, every frame published before it
and not yet accounted for was superseded. And a frame published while its camera's token was in flight had its own
token refused: when the served frame is not the newest one, a token must be offered again, or the newest would wait
for the next frame to come.
"""

from collections import OrderedDict
from dataclasses import dataclass

from vedette.subjects import LIVE_FRAME_MAX_AGE_S


@dataclass(frozen=True, slots=True)
class Settled:
    """What a worker's note means for the frames before it."""

    superseded: int
    offer_again: bool


class Ledger:
    """The frames of one camera for one pipeline in one epoch that are on the bus."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.next_seq = 0
        self._waiting: OrderedDict[int, float] = OrderedDict()
        self._stored_seq = -1
        self._stored_s = 0.0

    def publish(self, now_s: float) -> int:
        """A frame is published; its sequence number."""
        seq = self.next_seq
        self.next_seq += 1
        self._waiting[seq] = now_s
        return seq

    def stored(self, seq: int, now_s: float) -> None:
        """The server has acknowledged the frame: it can be served."""
        if seq > self._stored_seq:
            self._stored_seq, self._stored_s = seq, now_s

    def lost(self, seq: int) -> None:
        """The server has not stored the frame; it is accounted for elsewhere."""
        self._waiting.pop(seq, None)

    def served(self, epoch: int, seq: int, now_s: float) -> Settled:
        """A worker served frame `seq`, or found none (-1); notes of another epoch settle nothing."""
        offer_again = self._stored_seq > seq and now_s - self._stored_s < LIVE_FRAME_MAX_AGE_S
        if epoch != self.epoch:
            return Settled(0, offer_again and seq < 0)
        before = [waiting for waiting in self._waiting if waiting <= seq]
        for waiting in before:
            del self._waiting[waiting]
        return Settled(superseded=len(before) - (seq in before), offer_again=offer_again)

    def expire(self, now_s: float) -> int:
        """How many frames ended on the bus unserved: the stream keeps them no longer."""
        expired = 0
        while self._waiting and now_s - next(iter(self._waiting.values())) > LIVE_FRAME_MAX_AGE_S:
            self._waiting.popitem(last=False)
            expired += 1
        return expired
