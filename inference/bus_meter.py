"""Counts what comes over the bus as requests are counted: how it ended, and how long it took."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from prometheus_client import Counter, Histogram

from inference import metrics
from inference.errors import InferenceError, UndecodableImage
from inference.runtime.batching import BatcherClosed, BatcherFull, DeadlineExceeded

BusProtocol = Literal["live", "clip", "crop"]
"""The newest frame of a camera, a recording's frame, a crop for a further stage."""

_STATUS: tuple[tuple[type[InferenceError], str], ...] = (
    (UndecodableImage, "invalid"),
    (DeadlineExceeded, "late"),
    (BatcherFull, "overloaded"),
    (BatcherClosed, "unavailable"),
)
"""As `inference.serving.refusal` says it of requests."""


@dataclass(slots=True)
class Outcome:
    """What became of one picture."""

    was_inferred: bool = True


class BusMeter:
    """One model's. A metric is looked up once for each version and ending."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._known: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    @contextmanager
    def counting(self, protocol: BusProtocol, version: str) -> Iterator[Outcome]:
        """The body infers one picture with `version`, and says what became of it."""
        begun_s, outcome, status = monotonic(), Outcome(), "failed"
        try:
            yield outcome
            status = "ok" if outcome.was_inferred else "rejected"
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        except InferenceError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), status)
            raise
        finally:
            requests, took = self._of(protocol, version, status)
            requests.inc()
            took.observe(monotonic() - begun_s)

    def _of(self, protocol: str, version: str, status: str) -> tuple[Counter, Histogram]:
        key = protocol, version, status
        if (known := self._known.get(key)) is None:
            known = self._known[key] = (
                metrics.REQUESTS.labels(self._model, version, protocol, status),
                metrics.REQUEST_TIME.labels(self._model, version, protocol),
            )
        return known
