"""The packets of the last GOPs, so that they can be decoded later than they came, or not at all. Pure."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

P = TypeVar("P")


@dataclass(slots=True)
class _Held(Generic[P]):
    packet: P
    size_bytes: int
    keyframe: bool
    taken: bool = False


class PacketBuffer(Generic[P]):
    """Packets in decoding order, with a place in them: what lies before it was taken or skipped.

    Held are the current GOP and `gops` whole ones before it, within `max_bytes`: beyond that the oldest GOPs go, then
    all that was taken, then all; and then there is nothing more to take until a keyframe comes. With `gops` 0 a packet
    goes as soon as it is taken.
    """

    def __init__(self, gops: int, max_bytes: int, on_untaken: Callable[[P], None] | None = None) -> None:
        """`on_untaken` hears of each packet that leaves without ever having been taken."""
        self._gops = gops
        self._max_bytes = max_bytes
        self._on_untaken = on_untaken
        self._held: deque[_Held[P]] = deque()
        self._place = 0
        self._keyframes = 0
        self._severed = False
        self.size_bytes = 0
        self.untaken = 0
        """How many packets have left without ever having been taken."""

    def __len__(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many packets there are to take."""
        return len(self._held) - self._place

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether nothing goes for a packet of this size."""
        return self.size_bytes + size_bytes <= self._max_bytes

    def add(self, packet: P, size_bytes: int, keyframe: bool) -> None:
        """The next packet of the stream."""
        if self._severed and not keyframe:
            self._leave_untaken(packet)
            return
        self._severed = False
        self._held.append(_Held(packet, size_bytes, keyframe))
        self._keyframes += keyframe
        self.size_bytes += size_bytes
        while self._keyframes > self._gops + 1 or (self._keyframes > 1 and not self.has_room_for(0)):
            self._drop_gop()
        if not self.has_room_for(0):
            self._severed = self.waiting > 1
            while len(self._held) > (0 if self._severed else 1):
                self._drop()

    def take(self) -> P | None:
        """The packet at the place, which moves on; None at the end."""
        if self._place == len(self._held):
            return None
        held = self._held[self._place]
        held.taken = True
        self._place += 1
        if not self._gops:
            self._drop()
        return held.packet

    def skip(self) -> int:
        """The place is at the end: what came so far is not wanted, for now. Returns how many packets it passed."""
        count = self.waiting
        self._place = len(self._held)
        if not self._gops:
            self.clear()
        return count

    def rewind(self, gops: int) -> None:
        """The place is at the keyframe `gops` before the last one, or the first that is held; at the end if none is."""
        keyframes = [index for index, held in enumerate(self._held) if held.keyframe]
        self._place = keyframes[-min(gops + 1, len(keyframes))] if keyframes else len(self._held)

    def clear(self) -> None:
        """Everything goes."""
        while self._held:
            self._drop()

    def _drop_gop(self) -> None:
        self._drop()
        while self._held and not self._held[0].keyframe:
            self._drop()

    def _drop(self) -> None:
        held = self._held.popleft()
        self._place = max(0, self._place - 1)
        self._keyframes -= held.keyframe
        self.size_bytes -= held.size_bytes
        if not held.taken:
            self._leave_untaken(held.packet)

    def _leave_untaken(self, packet: P) -> None:
        self.untaken += 1
        if self._on_untaken is not None:
            self._on_untaken(packet)
