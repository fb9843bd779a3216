"""What a reader makes for each pipeline: the frames asked for, and the frames given."""

from dataclasses import dataclass
from typing import Literal

from gateway.reading.sampler import Sampling
from vedette.view import WHOLE, View

Clock = Literal["rtcp", "arrival", "media"]
"""Whose time a frame's capture time is: the camera's, told by RTCP, the gateway's at arrival, or a recording's own."""

Gate = Literal["open", "onset", "refresh"]
"""Why a frame was sampled: what it shows moves or is looked at all the time; it was decoded late, when something had
begun to move; or it is an idle scene's, looked at now and then."""


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
    """The stream's displayed picture, in pixels (after rotation and pixel aspect); of a camera with a substream always
    the main stream's."""
    jpeg_width: int
    jpeg_height: int
    keyframe: bool
    gate: Gate = "open"
    released_monotonic: float | None = None
    """When an onset frame was let out."""
    view: View = WHOLE
    """What the JPEG shows of the main stream's picture, where it is the substream's."""

    def age_s(self, now_s: float) -> float:
        """How old it is at `now_s` (`time.monotonic`): since it arrived, of an onset frame since it was let out."""
        return now_s - (self.arrived_monotonic if self.released_monotonic is None else self.released_monotonic)
