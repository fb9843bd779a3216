"""What a simulator is told: its cameras, where it listens, whom it lets in."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_PATH = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True)
class SimulatedCamera:
    """One video file, served at ``rtsp://host:port/<path>``.

    ``fps`` plays the file at another rate than its own, whatever that is; ``None`` plays it as it was recorded.
    ``clock_off_s`` is how far the camera's wall clock, told in its RTCP sender reports, is ahead of this machine's;
    ``None`` sends none. ``first_timestamp`` (RTP, 90 kHz) is random where it is ``None``. With ``audio`` a sound track
    is announced, and refused to who wants it.
    """

    path: str
    video: Path
    fps: float | None = None
    clock_off_s: float | None = 0.0
    first_timestamp: int | None = None
    audio: bool = False

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"{self.path!r} is no path of a camera: letters, digits and . _ ~ - between slashes")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"fps is {self.fps}; it must be above 0 and at most 1000")


@dataclass(frozen=True)
class Credentials:
    """The one user a simulator lets in, and the scheme of RFC 2617 with which it asks."""

    user: str
    password: str = field(repr=False)
    scheme: Literal["basic", "digest"] = "digest"


@dataclass(frozen=True)
class SimulatorSettings:
    """Where a simulator listens and how it treats its clients."""

    host: str = "127.0.0.1"
    """The address to listen on; a name is resolved once, at start."""
    port: int = 0
    """The RTSP port; 0 takes a free one, and keeps it over a restart."""
    credentials: Credentials | None = None
    """Left out, everyone may watch."""
    tcp: bool = True
    """Serve RTP interleaved in the RTSP connection; off, it is refused with 461."""
    udp: bool = True
    """Serve RTP over UDP; off, it is refused with 461."""
    session_timeout_s: float = 60.0
    """A UDP session ends when nothing was heard of its client for so long; so does a connection without a session."""
    backlog_bytes: int = 1 << 20
    """With more than this unsent, a client gets nothing more until the next keyframe finds it below."""

    def __post_init__(self) -> None:
        if not (self.tcp or self.udp):
            raise ValueError("a simulator needs TCP, UDP or both")
        if self.session_timeout_s <= 0:
            raise ValueError(f"session_timeout_s is {self.session_timeout_s}; it must be above 0")
