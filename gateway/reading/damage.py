"""Which frames may show damage though their decoder says nothing of it. Pure."""

_AT_MOST_S = 5.0


class Damage:
    """Holds frames back after damage, until a keyframe whose data came later: whatever lies between may refer to it.

    A decoder marks the frame whose own data was damaged or missing, and not the ones that are predicted from it. Where
    keyframes are far apart, or never come (intra refresh), frames are held for 5 s after the last damage at most; by
    then most of a picture has been renewed. Positions are those of packets: any number that grows in decoding order.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._until_s: float | None = None

    def note(self, position: float) -> None:
        """The data at `position` could not be decoded whole."""
        self._first = position if self._first is None else min(self._first, position)
        self._last = max(self._last, position)
        self._until_s = None

    def holds(self, position: float, keyframe: bool, clock_s: float) -> bool:
        """Whether a frame is held back; call for each one in display order. `clock_s` is the clock of the 5 s."""
        if self._first is None or position < self._first:
            return False
        if self._until_s is None:
            self._until_s = clock_s + _AT_MOST_S
        if (keyframe and position > self._last) or clock_s >= self._until_s:
            self._first = self._until_s = None
            return False
        return True
