"""Counts requests: how they ended, and how long they took."""

from time import monotonic
from typing import Literal

from prometheus_client import Counter, Histogram

from inference import metrics
from inference.serving.refusal import Kind


class Meter:
    """One model's requests over one protocol. A metric is looked up once for each version and ending."""

    def __init__(self, model: str, protocol: str) -> None:
        self._model = model
        self.protocol = protocol
        """As the label says it."""
        self._known: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def count(self, version: str, status: Kind | Literal["ok", "cancelled"], begun: float) -> None:
        """One request ended, that began at `begun`, in monotonic seconds. `version` is one that is served, or empty."""
        known = self._known.get((version, status))
        if known is None:
            known = self._known[version, status] = (
                metrics.REQUESTS.labels(self._model, version, self.protocol, status),
                metrics.REQUEST_TIME.labels(self._model, version, self.protocol),
            )
        known[0].inc()
        known[1].observe(monotonic() - begun)
