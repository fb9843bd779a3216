"""Which traces are kept: decided at the end of a frame, when its time and its errors are known. Pure."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["error", "slow", "share"]

_RANDOM_BITS = 56
"""Of a trace id, the last 7 bytes are random (W3C Trace Context 2, section 3.2.2.3): all processes decide alike."""


@dataclass(frozen=True, slots=True)
class TailSampling:
    """The policy."""

    slower_than_ms: float
    share: float
    """Of the frames that are neither slow nor failed, 0 to 1."""

    def reason(self, trace_id: int, took_ms: float, failed: bool) -> Reason | None:
        """Why the trace of a frame that took so long is kept; None: it is not."""
        if failed:
            return "error"
        if took_ms > self.slower_than_ms:
            return "slow"
        return "share" if trace_id % (1 << _RANDOM_BITS) < self.share * (1 << _RANDOM_BITS) else None
