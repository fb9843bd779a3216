"""What a reader makes for each pipeline: the frames asked for, and the frames given."""

from dataclasses import dataclass
from typing import Literal

from gateway.sampler import Sampling

Clock = Literal["rtcp", "arrival", "media"]
"""Whose time a frame's capture time is: the camera's, told by RTCP, the gateway's at arrival, or a recording's own."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one pipeline wants of a camera; several share one decode."""

    pipeline: str
    width: int
    """JPEGs are at most this wide, in pixels."""
    quality: int
    """JPEG quality, 1–100."""
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A frame for a pipeline, encoded."""

    pipeline: str
    jpeg: bytes
    pts_s: float | None
    """On the stream's time line; of a recording, the file's own (running on where it is looped)."""
    captured_at: float
    """Unix seconds, UTC."""
    clock: Clock
    arrived_monotonic: float
    """When the frame's packet came out of the demuxer; seconds of `time.monotonic`."""
    decode_ms: float
    encode_ms: float
    width: int
    height: int
    """The stream's displayed picture, in pixels (after rotation and pixel aspect)."""
    jpeg_width: int
    jpeg_height: int
    keyframe: bool
