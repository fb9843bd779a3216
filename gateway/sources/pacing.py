"""A file's packets at the pace at which a camera would have sent them. Pure: the caller brings the time and waits."""

_LATE_S = 1.0
_GAP_S = 10.0


class Pacer:
    """Maps media time to the monotonic clock."""

    def __init__(self) -> None:
        self._offset_s: float | None = None

    def delay_s(self, media_s: float, now_s: float) -> float:
        """How long to wait until `media_s`.

        The mapping is laid anew when the reader is over a second late (the machine slept: no burst to catch up) or the
        file has a gap of over 10 seconds.
        """
        if self._offset_s is None or not -_LATE_S <= media_s + self._offset_s - now_s <= _GAP_S:
            self._offset_s = now_s - media_s
        return max(0.0, media_s + self._offset_s - now_s)
