"""One time line over the passes of a looped file. Pure."""


class Timeline:
    """Maps PTS to seconds that run on from pass to pass; the first pass keeps the file's own."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._start_s: float | None = None
        self._end_s = 0.0

    @property
    def start_s(self) -> float:
        """The time of the first frame of all, 0 before it."""
        return self._start_s or 0.0

    def begin(self, first_s: float) -> None:
        """A pass begins, whose time stamps start at `first_s`."""
        if self._start_s is not None:
            self._offset_s = self._end_s - first_s

    def packet_s(self, time_s: float) -> float:
        """A time stamp of this pass on the whole line."""
        return time_s + self._offset_s

    def frame_s(self, pts_s: float | None, step_s: float) -> float:
        """The next frame's time; `step_s` is how long it lasts, and stands in for a missing PTS."""
        time_s = self._end_s if pts_s is None else pts_s + self._offset_s
        if self._start_s is None:
            self._start_s = time_s
        self._end_s = max(self._end_s, time_s + step_s)
        return time_s
