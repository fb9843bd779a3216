"""Traces of a feed's frames: begun here, ended by the worker that serves a frame, or here where none does."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from vedette.frames import FrameHeaders
from vedette.subjects import Feed
from vedette.tracing.context import TraceContext
from vedette.tracing.span import frame_attributes, gateway_spans
from vedette.tracing.tracer import Tracer

IsWaiting = Callable[[int], bool]
"""Whether it isn't known yet what becomes of the frame with this sequence number."""


class _Traced(NamedTuple):
    context: TraceContext
    headers: FrameHeaders
    published_ns: int


class FeedTraces:
    """Of one feed. Remembers the frames that are on the bus, as the ledger does."""

    def __init__(self, tracer: Tracer, feed: Feed) -> None:
        self._tracer = tracer
        self._feed = feed
        self._frames: dict[int, _Traced] = {}

    def __len__(self) -> int:
        return len(self._frames)

    def begin(self, headers: FrameHeaders) -> FrameHeaders:
        """The headers of a frame that is about to be sent, with its trace."""
        context = TraceContext.new()
        traced = replace(headers, traceparent=str(context))
        self._frames[headers.seq] = _Traced(context, traced, time.time_ns())
        return traced

    def forget(self, is_waiting: IsWaiting) -> None:
        """Those that wait no more were served, which their worker tells, or superseded, which is no trace's matter."""
        for seq in self._ended(is_waiting):
            del self._frames[seq]

    def lose(self, is_waiting: IsWaiting, reason: str) -> None:
        """Those that wait no more were lost, or nobody took them."""
        for seq in self._ended(is_waiting):
            frame = self._frames.pop(seq)
            attributes = {
                **frame_attributes(self._feed, frame.headers),
                "vedette.outcome": reason,
                "vedette.sampled": "error",
            }
            self._tracer.record(
                gateway_spans(frame.context, frame.headers, frame.published_ns, time.time_ns(), attributes, reason)
            )

    def _ended(self, is_waiting: IsWaiting) -> list[int]:
        return [seq for seq in self._frames if not is_waiting(seq)]
