"""Finished spans of one process, until they are sent: a queue that is bounded, and never waited for."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from vedette.config.tracing_settings import Tracing
from vedette.process.metrics import TRACES_DROPPED
from vedette.tracing.sampling import TailSampling
from vedette.tracing.span import Span

logger = logging.getLogger(__name__)

MOST_WAITING = 1024
"""Frames whose spans wait to be sent: some ten spans each, 6 MiB. Of more the oldest are dropped."""

Spans = tuple[Span, ...]
"""Those that one frame has in one process: sent, or dropped, together."""


class Tracer:
    """Takes spans; `exporter.py` sends them."""

    def __init__(self, sampling: TailSampling) -> None:
        self.sampling = sampling
        self.arrived = asyncio.Event()
        """There is something to be sent."""
        self._waiting: deque[Spans] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def record(self, spans: Sequence[Span]) -> None:
        """Have a frame's spans sent. Returns at once; raises nothing."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            TRACES_DROPPED.labels("full").inc()
        self._waiting.append(tuple(spans))
        self.arrived.set()

    def take(self, most_spans: int) -> list[Spans]:
        """The oldest ones, with so many spans or a few more."""
        taken: list[Spans] = []
        left = most_spans
        while self._waiting and left > 0:
            taken.append(self._waiting.popleft())
            left -= len(taken[-1])
        if not self._waiting:
            self.arrived.clear()
        return taken


@asynccontextmanager
async def tracing(settings: Tracing | None, service: str, site: str) -> AsyncIterator[Tracer | None]:
    """A tracer whose spans are sent while the body runs, and what is left within half a second after it; None: it isn't
    configured, and nothing is imported.

    Raises ConfigError: the certificates to trust can't be read.
    """
    if settings is None:
        yield None
        return
    tracer = Tracer(TailSampling(settings.slower_than_ms, settings.share))
    module = await asyncio.to_thread(import_module, "vedette.tracing.exporter")
    async with module.exporting(tracer, settings, service, site):
        logger.info("traces are sent to %s", settings.traces_url)
        yield tracer
