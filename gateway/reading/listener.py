"""What a camera's reader says, as the camera's status and its frames."""

from collections.abc import Callable

from gateway.fleet.camera_status import CONNECTING, LIVE, STALLED, CameraStatus
from gateway.pictures.sampled_frame import SampledFrame
from gateway.reading.interface import ReaderStats, StreamInfo

Offer = Callable[[SampledFrame, int], None]
"""Takes a frame, and how many it replaced."""


class Listener:
    """Hears one camera's reader."""

    def __init__(self, status: CameraStatus, offer: Offer) -> None:
        self.on_frame = offer
        self._status = status

    def on_reader(self, stats: ReaderStats) -> None:
        self._status.follow(stats)

    def on_waiting(self, why: str) -> None:
        self._status.change(CONNECTING, why)

    def on_stream(self, info: StreamInfo) -> None:
        self._status.on_stream(info)

    def on_stalled(self, silent_s: float) -> None:
        self._status.change(STALLED, f"no frame for {silent_s:.0f} s")

    def on_live(self) -> None:
        self._status.change(LIVE)
