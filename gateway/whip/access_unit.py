"""What a codec's RTP payloads hold, and the access units that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded picture, as a decoder takes it."""

    data: bytes
    """H.264: Annex B. VP8: a frame."""
    timestamp: int
    """Its RTP time stamp, 90 kHz, unwrapped: it grows past 32 bits."""
    keyframe: bool


class Payloads(Protocol):
    """How a codec's pictures are cut into RTP payloads."""

    def begins(self, payload: bytes) -> bool:
        """Whether an access unit surely begins with this payload."""

    def assemble(self, payloads: Sequence[bytes]) -> tuple[bytes, bool]:
        """An access unit's data out of its payloads, all of them and in order, and whether it is a keyframe.

        Raises:
            ValueError: they make none.
        """
