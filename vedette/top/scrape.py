"""The metrics of one process at one moment, as far as they are shown."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from vedette.errors import VedetteError
from vedette.http.get import GetFailed, get
from vedette.secrets.secret import SecretText

Labels = frozenset[tuple[str, str]]
Series = Mapping[str, Mapping[Labels, float]]
"""Values by name and labels, names as Prometheus has them: `…_total`, `…_bucket`."""

WITHIN_S = 5.0
"""A process that hasn't answered by then is away for this time."""
_MOST_BYTES = 64 * 2**20
_SHOWN = (
    "gpu_",
    "model_inference_latency_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "vedette_batch_",
    "vedette_camera_",
    "vedette_capture_to_detection_seconds",
    "vedette_decode_process_load",
    "vedette_events_lag_seconds",
    "vedette_frame",
    "vedette_inference_requests_total",
    "vedette_sessions_in_service",
)


class NoMetrics(VedetteError):
    """A process gave none; the text says why."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a process said."""

    at_s: float
    """Monotonic."""
    series: Series

    def value(self, name: str) -> float | None:
        """Of a metric without labels."""
        return self.series.get(name, {}).get(frozenset())


async def scrape(session: aiohttp.ClientSession, url: str, token: SecretText | None = None) -> Scrape:
    """What the process at `url` says now.

    Raises NoMetrics.
    """
    try:
        answer = await get(session, url, _MOST_BYTES, aiohttp.ClientTimeout(total=WITHIN_S), token)
    except GetFailed as error:
        raise NoMetrics(str(error)) from None
    at_s = monotonic()
    if answer.status != 200:
        raise NoMetrics(_why(answer.status, answer.body))
    try:
        return Scrape(at_s, await asyncio.to_thread(lambda: parsed(answer.body.decode())))
    except (ValueError, KeyError):
        raise NoMetrics("no metrics there") from None


def parsed(text: str) -> Series:
    """The series that are shown.

    Raises ValueError: it is no text of metrics.
    """
    series: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families("\n".join(_wanted(text)) + "\n"):
        for sample in family.samples:
            series.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return series


def _wanted(text: str) -> Iterator[str]:
    """Parsing is slow, and a process may have tens of thousands of series."""
    found = False
    for line in text.splitlines():
        found = found or line.startswith("# TYPE ")
        if line.startswith(_SHOWN):
            yield line
    if not found:
        raise ValueError("no metrics")


def _why(status: int, body: bytes) -> str:
    if status in (401, 403):
        return "it wants a token (--token-file)"
    try:
        detail = f": {str(json.loads(body)['detail'])[:200]}"
    except (ValueError, KeyError, TypeError):
        detail = ""
    return f"answered {status}{detail}"
