"""Spans to a collector: OTLP/HTTP with protobuf (OTLP specification 1.7, section OTLP/HTTP).

The messages are those of `opentelemetry-proto`; the requests are ours. The SDK of OpenTelemetry measures spans while
they run and decides at their beginning; here spans are made when a frame has ended, by one process for another, so that
of it little more would be used than the loop below, and it would add a thread, `requests` and an API of its own.

A collector that is away delays nothing: one batch is tried again and again, what does not fit into the queue meanwhile
is dropped and counted.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from time import monotonic

import aiohttp

from vedette.background import end
from vedette.config.tracing_settings import Tracing
from vedette.http.post import Answer, PostFailed, post, post_session
from vedette.process.metrics import SPANS_EXPORTED, TRACES_DROPPED
from vedette.retry import Backoff, Retry
from vedette.tracing.otlp import Resources, encoded
from vedette.tracing.tracer import Spans, Tracer

logger = logging.getLogger(__name__)

_BATCH_SPANS = 512
_GATHER_S = 1.0
"""Fewer than `_FULL` frames wait so long for more."""
_FULL = 64
_FLUSH_S = 0.5
"""At the end of the process, which `vedette up` waits 1.6 s for."""
_BACKOFF = Backoff(first_s=1.0, cap_s=30.0)
_TRY_AGAIN = frozenset({429, 502, 503, 504})
"""All other statuses of failure are final (OTLP specification, "Retryable Response Codes")."""
_LOG_EVERY_S = 30.0


class Exporter:
    """`run` until `finish`, which sends what is left."""

    def __init__(self, tracer: Tracer, settings: Tracing, session: aiohttp.ClientSession, resources: Resources) -> None:
        self._tracer = tracer
        self._url = settings.traces_url
        self._session = session
        self._resources = resources
        self._headers = {
            **{name: value.reveal() for name, value in settings.headers.items()},
            "Content-Type": "application/x-protobuf",
            "User-Agent": f"vedette/{resources.version}",
        }
        self._finishing = asyncio.Event()
        self._logged_s = -_LOG_EVERY_S

    async def run(self) -> None:
        """Send what is recorded."""
        while len(self._tracer) or not self._finishing.is_set():
            await self._tracer.arrived.wait()
            if len(self._tracer) < _FULL:
                await self._pause(_GATHER_S)
            traces = self._tracer.take(_BATCH_SPANS)
            if not traces:
                continue
            try:
                await self._send(traces)
            except asyncio.CancelledError:
                TRACES_DROPPED.labels("stopped").inc(len(traces))
                raise
            except Exception:  # a task's boundary: a defect here costs traces, and nothing else
                logger.exception("traces are lost")
                TRACES_DROPPED.labels("defect").inc(len(traces))

    async def finish(self, running: asyncio.Task[None], within_s: float = _FLUSH_S) -> None:
        """Send what is left; what isn't sent in time is counted and given up."""
        self._finishing.set()
        self._tracer.arrived.set()
        await asyncio.wait({running}, timeout=within_s)
        await end({running})
        if left := len(self._tracer):
            TRACES_DROPPED.labels("stopped").inc(left)

    async def _pause(self, wait_s: float) -> None:
        """Less, where the process ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._finishing.wait()

    async def _send(self, traces: list[Spans]) -> None:
        """Until they are taken, refused, or the process ends."""
        body = await asyncio.to_thread(encoded, traces, self._resources)
        retry = Retry(_BACKOFF)
        while True:
            last = self._finishing.is_set()
            answer, said = await self._attempt(body)
            if answer is not None and 200 <= answer.status < 300:
                SPANS_EXPORTED.inc(sum(map(len, traces)))
                return
            if answer is not None and answer.status not in _TRY_AGAIN:
                TRACES_DROPPED.labels("refused").inc(len(traces))
                self._warn(f"{said}: they are dropped")
                return
            if last:
                TRACES_DROPPED.labels("stopped").inc(len(traces))
                return
            self._warn(f"{said}; it is tried again")
            await self._pause(retry.wait_s(0.0, (answer.retry_after_s if answer else None) or 0.0))

    async def _attempt(self, body: bytes) -> tuple[Answer | None, str]:
        try:
            answer = await post(self._session, self._url, body, self._headers)
        except PostFailed as error:
            return None, str(error)
        return answer, f"status {answer.status}"

    def _warn(self, text: str) -> None:
        if monotonic() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = monotonic()
            logger.warning("traces: %s: %s", self._url, text)


@asynccontextmanager
async def exporting(tracer: Tracer, settings: Tracing, service: str, site: str) -> AsyncIterator[None]:
    """What `tracer` is given is sent while the body runs, and what is left after it.

    Raises ConfigError.
    """
    resources = Resources(service, site, socket.gethostname(), await asyncio.to_thread(version, "vedette"))
    async with post_session(settings.timeout_s, settings.tls) as session:
        exporter = Exporter(tracer, settings, session, resources)
        running = asyncio.create_task(exporter.run(), name="traces")
        try:
            yield
        finally:
            await exporter.finish(running)
