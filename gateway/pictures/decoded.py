"""A packet's stamp, which travels through the decoder, and the frame that comes out."""

from dataclasses import dataclass
from typing import Literal

import av

from gateway.pictures.sampled_frame import Clock

Fate = Literal["open", "late", "tentative", "refresh", "seen"]
"""What becomes of a decoded frame. `open`: it is offered to the samplers. `late`: so too, though it came long ago.
`tentative`: so too, and kept until it is known whether the gate opens. `refresh`: it is sampled, due or not. `seen`: it
was decoded for the gate alone."""


@dataclass(slots=True, eq=False)
class Stamp:
    """Of a packet; its frame carries it as `opaque`, again if it is decoded again."""

    arrived_s: float
    """`time.monotonic` when it came out of the demuxer."""
    clock_s: float
    """A clock that never jumps: of arrival, or of a recording read at full speed its media time."""
    media_s: float | None
    """Its PTS on the stream's time line."""
    keyframe: bool
    captured: tuple[float, Clock] | None = None
    """When its frame was captured (Unix seconds) and by whose clock, once that was asked."""

    @property
    def time_s(self) -> float:
        """The gate's time."""
        return self.clock_s if self.media_s is None else self.media_s


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame, in display order; after a rewind it may be one that came before."""

    frame: av.VideoFrame
    stamp: Stamp
    decode_ms: float
    damaged: bool
    """It may show damage: it is not to be looked at."""
    fate: Fate = "open"
