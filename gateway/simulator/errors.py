"""What can go wrong before a simulated camera is on the air.

::

    SimulatorError
    ├── VideoError            a file that cannot be played: missing, no video, no keyframe
    │   └── UnsupportedCodec  a video, but of no codec that is sent over RTP
    └── AddressTaken          the address to listen on is not to be had
"""

from pathlib import Path


class SimulatorError(Exception):
    """The root of the simulator's exceptions."""


class VideoError(SimulatorError):
    """The file ``video`` cannot be served, for ``reason``."""

    def __init__(self, video: Path, reason: str) -> None:
        super().__init__(f"{video}: {reason}")
        self.video = video
        self.reason = reason


class UnsupportedCodec(VideoError):
    """The file's video is coded in ``codec``, which the simulator does not send."""

    def __init__(self, video: Path, codec: str) -> None:
        super().__init__(video, f"its video is {codec}; only H.264, H.265, MJPEG, VP8, VP9 and AV1 are served")
        self.codec = codec


class AddressTaken(SimulatorError):
    """Nothing can listen on ``host``:``port``, for ``reason``."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host}:{port}: {reason}")
        self.host = host
        self.port = port
