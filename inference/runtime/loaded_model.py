"""One version of a model in memory: its sessions and the batcher in front of them, for tensors of any kind."""

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from prometheus_client import Histogram

from inference import metrics
from inference.errors import DeviceUnavailable, ModelError
from inference.repository.folder import Model
from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batcher import Batcher
from inference.runtime.batching import Lane, ModelFailed, RowRefused
from inference.runtime.request import Inferred
from inference.runtime.rows import Row, TensorSpec, smallest_row
from inference.runtime.session import ModelSession, open_session

logger = logging.getLogger(__name__)


class LoadedModel:
    """`start` before the first row, `close` after the last."""

    def __init__(
        self,
        model: Model,
        device: str,
        sessions: int,
        threads: int,
        on_thread: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_thread` is called in each session's thread before its session is opened."""
        self.model = model
        self._label = (model.card.name, model.version)
        self._on_thread = on_thread
        self.inputs: tuple[TensorSpec, ...] = ()
        """Known after `start`, as are `outputs`, `batched` and `runs_on`."""
        self.outputs: tuple[TensorSpec, ...] = ()
        self.batched = True
        self.runs_on = device
        self._device = device
        self._threads = threads
        limits = model.card.batch
        self.batcher: Batcher[Row] = Batcher(
            self._open_session,
            sessions=sessions,
            policy=BatchPolicy(limits.max, limits.max_delay_ms / 1000),
            observer=BatchMeter(model.card.name, model.version),
        )

    async def start(self, warm_up: Sequence[Row] | None = None) -> None:
        """Load the model in every session, warm it up with `warm_up` (None: with a row of zeros), and measure it.

        Raises ModelError, DeviceUnavailable, ModelFailed: it can't be run here.
        """
        try:
            await self.batcher.start(lambda: (self.smallest_row(),) if warm_up is None else warm_up)
        except ModelFailed as error:
            if isinstance(error.__cause__, ModelError | DeviceUnavailable):
                raise error.__cause__ from None
            raise
        metrics.SESSIONS.labels(*self._label).set_function(lambda: self.batcher.in_service)
        logger.info("%s %s runs on the %s", self.model.card.name, self.model.version, self.runs_on)

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self.batcher.in_service > 0

    @property
    def capacity(self) -> int:
        """How many frames a lane may have in hand: what runs, and what runs next. 0 while no session can run."""
        return self.batcher.capacity

    async def run(
        self, row: Row, deadline: float | None = None, lane: Lane = "request", priority: int = 0, protocol: str = ""
    ) -> Inferred[Row]:
        """The outputs for one row. `deadline` is in monotonic seconds, `protocol` how it came.

        Raises RowRefused, BatcherFull, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        if len(row) != len(self.inputs):
            raise RowRefused(f"the model has {len(self.inputs)} inputs, not {len(row)}")
        for spec, array in zip(self.inputs, row, strict=True):
            if (refusal := spec.refusal(array)) is not None:
                raise RowRefused(refusal)
        return await self.batcher.submit(row, deadline, lane, priority, protocol)

    def smallest_row(self) -> Row:
        """A row of zeros."""
        return smallest_row(self.inputs)

    async def close(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s`, and stop."""
        with suppress(KeyError):  # it never started
            metrics.SESSIONS.remove(*self._label)
        await self.batcher.close(grace_s)

    def _open_session(self) -> ModelSession:
        self._on_thread()
        session = open_session(self.model, self._device, self._threads)
        self.inputs, self.outputs, self.batched = session.inputs, session.outputs, session.batched
        self.runs_on = session.device
        return session


class BatchMeter:
    """Observes the batcher of a model's version for the metrics."""

    def __init__(self, name: str, version: str) -> None:
        self._name = name
        self._size = metrics.BATCH_SIZE.labels(name)
        self._queue = metrics.QUEUE_TIME.labels(name)
        self._padding = metrics.BATCH_PADDING.labels(name)
        self._version = version
        self._latency: dict[str, Histogram] = {}

    def on_batch(self, size: int, queue_s: Sequence[float], infer_s: float, protocols: Collection[str]) -> None:
        self._size.observe(size)
        self._latency_of(protocols).observe(infer_s)
        for waited_s in queue_s:
            self._queue.observe(waited_s)

    def _latency_of(self, protocols: Collection[str]) -> Histogram:
        """A batch is observed once, so that the sum is the time that sessions were busy."""
        protocol = next(iter(protocols)) if len(protocols) == 1 else "mixed"
        if (known := self._latency.get(protocol)) is None:
            known = self._latency[protocol] = metrics.MODEL_LATENCY.labels(
                self._name, self._version, protocol or "other"
            )
        return known

    def on_padding(self, rows: int) -> None:
        self._padding.inc(rows)

    def on_rebuild(self, error: Exception) -> None:
        """The runtime's own exception says more than the one that it is wrapped in."""
        metrics.SESSIONS_REBUILT.labels(self._name, type(error.__cause__ or error).__name__).inc()
