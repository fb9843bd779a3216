"""When a live frame was captured: by the camera's clock where it tells one that can be believed. Pure.

RTCP sender reports (RFC 3550, 6.4.1) tie a stream's time stamps to the camera's wall clock; FFmpeg works that out for
each packet. Cameras without NTP are hours or years off. The camera's clock decides nothing here but the time written on
a frame: its age and its budget run from its arrival.
"""

_BELIEVED_S = 5.0
"""How far from ours a clock may be; a delay on the way looks the same, and over the window the smallest counts."""
_WINDOW_S = 20.0
_STRAY_S = 10.0
"""A time stamp further than this from the packet noted last is of another time line."""


class CaptureClock:
    """Of one connection. `note` each packet in the order of arrival, ask for each frame in display order."""

    def __init__(self) -> None:
        self._anchor: tuple[float, float] | None = None
        self._delays: list[float] = []
        """The delay nearest to none of the window before, and of this one."""
        self._window_ends_at = 0.0
        self._last_by_camera = self._last_arrived = 0.0

    @property
    def off_s(self) -> float | None:
        """How far the camera's clock is behind ours (negative: ahead), where it is not believed; else None."""
        delay_s = min(self._delays, key=abs, default=0.0)
        return delay_s if abs(delay_s) > _BELIEVED_S else None

    def note(self, pts_s: float | None, sender_at: float | None, arrived_at: float) -> None:
        """A packet of `pts_s` came at `arrived_at`; it was captured at `sender_at` by the camera's clock, if that is
        told. Times are Unix seconds.
        """
        if sender_at is None:
            return
        self._anchor = (pts_s, sender_at) if pts_s is not None else None
        delay_s = arrived_at - sender_at
        if not (self._delays and 0 < self._window_ends_at - arrived_at <= _WINDOW_S):
            self._delays = [*self._delays[-1:], delay_s]
            self._window_ends_at = arrived_at + _WINDOW_S
        else:
            self._delays[-1] = min(self._delays[-1], delay_s, key=abs)

    def captured(self, pts_s: float | None, arrived_at: float) -> tuple[float, bool]:
        """When the frame of `pts_s`, whose packet came at `arrived_at`, was captured, and whether the camera says so.

        Never after it arrived; never before the frame asked for last, while both are of the same clock.
        """
        camera_at = self._by_camera(pts_s)
        if camera_at is not None and self._last_by_camera <= camera_at <= arrived_at + _BELIEVED_S:
            self._last_by_camera = camera_at
            return min(camera_at, arrived_at), True
        if self._last_arrived - arrived_at <= _STRAY_S:  # else our own clock was set back
            arrived_at = max(self._last_arrived, arrived_at)
        self._last_arrived = arrived_at
        return self._last_arrived, False

    def _by_camera(self, pts_s: float | None) -> float | None:
        if pts_s is None or self._anchor is None or not self._delays or self.off_s is not None:
            return None
        ahead_s = pts_s - self._anchor[0]
        return self._anchor[1] + ahead_s if abs(ahead_s) <= _STRAY_S else None
