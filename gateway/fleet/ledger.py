"""What became of a feed's frames: a pure account, from published to served, superseded, expired or lost.

A worker serves the latest frame of a camera. So when it says that it served `seq`, every frame published before it
and not yet accounted for was superseded. And a frame published while its camera's token was in flight had its own
token refused: when the served frame is not the newest one, a token must be offered again, or the newest would wait
for the next frame to come.
"""

from dataclasses import dataclass

from vedette.streams import LIVE_FRAME_MAX_AGE_S

ACKNOWLEDGED_WITHIN_S = 2.0
"""A frame that the server has not acknowledged for so long is taken as lost."""
_OFFERS = 3
"""Tokens offered again for one frame, at most: a frame that can't be found must not keep workers busy."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a worker's note means for the frames before it."""

    superseded: int
    offer_again: bool
    answered: bool = False
    """The frame that the note is of was waiting for it. A note comes twice where a token is delivered again."""
    in_vain: bool = False
    """A frame was superseded while its token waited for its turn. One that was superseded while the frame before it was
    being served is no sign of overload, but of a round trip longer than the interval."""


_NOTHING = Settled(superseded=0, offer_again=False)


class Ledger:
    """The frames of one camera for one pipeline in one epoch that are on the bus. Each of them ends exactly once."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._next_seq = 0
        self._waiting: dict[int, float] = {}
        self._unacknowledged: dict[int, float] = {}
        self._stored_seq = -1
        self._stored_s = 0.0
        self._offers = 0
        self._offered_s: float | None = None

    @property
    def waiting(self) -> int:
        """Frames that have not ended yet."""
        return len(self._waiting)

    def is_waiting(self, seq: int) -> bool:
        """Whether this frame has not ended yet."""
        return seq in self._waiting

    @property
    def unacknowledged(self) -> int:
        """Frames under way to the server."""
        return len(self._unacknowledged)

    def publish(self, now_s: float) -> int:
        """A frame is published; its sequence number."""
        seq = self._next_seq
        self._next_seq += 1
        self._waiting[seq] = self._unacknowledged[seq] = now_s
        return seq

    def stored(self, seq: int, now_s: float) -> float | None:
        """The server has acknowledged the frame, so many seconds after it was sent: it can be served. None: nobody
        waits for that any more."""
        sent_s = self._unacknowledged.pop(seq, None)
        if sent_s is None:
            return None
        if seq > self._stored_seq:
            self._stored_seq, self._stored_s, self._offers = seq, now_s, 0
        return now_s - sent_s

    def offered(self, now_s: float) -> None:
        """A token is offered. Where one waits or is in flight, the server refuses it: the first one counts."""
        if self._offered_s is None:
            self._offered_s = now_s

    def lost(self, seq: int) -> bool:
        """The server has not stored the frame. False: it was accounted for already."""
        self._unacknowledged.pop(seq, None)
        return self._waiting.pop(seq, None) is not None

    def served(self, epoch: int, seq: int, now_s: float) -> Settled:
        """A worker served frame `seq`, or found none (-1). A frame of an earlier epoch is older than all of these."""
        latest = seq if epoch == self.epoch else -1
        if epoch > self.epoch or latest >= self._next_seq:
            return _NOTHING
        offered_s, self._offered_s = self._offered_s, None
        sent_s = self._waiting.get(latest, 0.0)
        before = [waiting for waiting in self._waiting if waiting <= latest]
        for waiting in before:
            del self._waiting[waiting]
        superseded = len(before) - (latest in before)
        return Settled(
            superseded,
            self._newer(latest, now_s),
            answered=latest in before,
            in_vain=superseded > 0 and offered_s is not None and sent_s > offered_s,
        )

    def give_up(self, now_s: float) -> int:
        """How many frames were lost on their way to the server."""
        late = [seq for seq, sent_s in self._unacknowledged.items() if now_s - sent_s > ACKNOWLEDGED_WITHIN_S]
        return sum(self.lost(seq) for seq in late)

    def expire(self, now_s: float) -> int:
        """How many frames ended on the bus unserved: the stream keeps them no longer."""
        old = [seq for seq, sent_s in self._waiting.items() if now_s - sent_s > LIVE_FRAME_MAX_AGE_S]
        for seq in old:
            del self._waiting[seq]
        return len(old)

    def end(self) -> int:
        """The epoch is over: how many frames the next one's replace."""
        left = len(self._waiting)
        self._waiting.clear()
        self._unacknowledged.clear()
        return left

    def _newer(self, served: int, now_s: float) -> bool:
        """Whether a frame later than `served` waits, young enough to be there still; its offers are counted."""
        if self._stored_seq <= served or now_s - self._stored_s >= LIVE_FRAME_MAX_AGE_S or self._offers >= _OFFERS:
            return False
        self._offers += 1
        return True
