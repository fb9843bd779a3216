"""A sampled frame's headers on the bus."""

import datetime as dt

from gateway.pictures.sampled_frame import SampledFrame
from vedette.frames import FrameHeaders


def headers_of(
    frame: SampledFrame, epoch: int, seq: int, age_ms: float, budget_ms: float | None, final: bool = False
) -> FrameHeaders:
    """The headers of `frame` under this epoch and sequence number. No budget: it never expires."""
    return FrameHeaders(
        epoch=epoch,
        seq=seq,
        pts=frame.pts_s,
        captured_at=dt.datetime.fromtimestamp(frame.captured_at, dt.UTC),
        clock=frame.clock,
        age_ms=age_ms,
        budget_ms=budget_ms,
        width=frame.width,
        height=frame.height,
        gate=frame.gate,
        decode_ms=frame.decode_ms,
        encode_ms=frame.encode_ms,
        final=final,
        view=frame.view,
    )
