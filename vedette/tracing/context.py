"""`traceparent`: which trace something belongs to, and the span it comes from.

W3C Trace Context, version 00, section 3.2: `00-<trace id>-<span id>-<flags>`, hexadecimal; flag 1 is "sampled".
"""

import os
import re
from typing import NamedTuple

HEADER = "traceparent"
_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1


class TraceContext(NamedTuple):
    """What is said to the next hop."""

    trace_id: int
    """128 bits, not 0."""
    span_id: int
    """64 bits, not 0."""
    sampled: bool
    """The trace is kept. Until a frame has been inferred nobody knows: False."""

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{_SAMPLED if self.sampled else 0:02x}"

    @classmethod
    def new(cls) -> "TraceContext":
        """Of a trace that begins."""
        return cls(_random(16), _random(8), False)

    @classmethod
    def parse(cls, text: str | None) -> "TraceContext | None":
        """What `text` says; None where it says nothing that can be relied on (it is told to start anew then)."""
        found = _FORM.fullmatch(text) if text else None
        if found is None:
            return None
        trace_id, span_id = int(found[1], 16), int(found[2], 16)
        return cls(trace_id, span_id, bool(int(found[3], 16) & _SAMPLED)) if trace_id and span_id else None


def new_span_id() -> int:
    """64 random bits, not 0."""
    return _random(8)


def _random(size_bytes: int) -> int:
    return int.from_bytes(os.urandom(size_bytes)) or 1
